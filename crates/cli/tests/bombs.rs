//! Archives that are small and unpack to much: no command may take memory or time for them, whatever they say.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tar::{EntryType, Header};
use tempfile::TempDir;

mod support;

/// What a bomb may take more than a sound archive does.
const ABOVE_BASELINE_KB: i64 = 64 << 10;
/// A command ends so soon, also where the machine is busy and the program not optimised.
const SOON: Duration = Duration::from_mins(1);
const MANIFEST: &str = "wakeeper-backup.json";

type Bomb = (&'static str, fn(&mut dyn Write));

/// One for each bound.
const BOMBS: [Bomb; 9] = [
    ("a long name", |to| announced(to, EntryType::GNULongName, 1 << 30)),
    ("PAX records", |to| announced(to, EntryType::XHeader, 1 << 30)),
    ("a global header", |to| announced(to, EntryType::XGlobalHeader, 1 << 30)),
    ("a large manifest", |to| {
        header(to, EntryType::Regular, MANIFEST, 1 << 30);
        zeros(to, b' ', 1 << 30);
    }),
    ("a manifest of many rows", |to| {
        let row = br#"{"path":"session/a","len":0,"sha256":"","mode":0,"modified_ms":0},"#;
        let start = manifest("");
        let start = start.strip_suffix("]}").unwrap();
        let rows = (46 << 20) / row.len();
        let size = start.len() + rows * row.len();
        header(to, EntryType::Regular, MANIFEST, size as u64);
        to.write_all(start.as_bytes()).unwrap();
        for _ in 0..rows {
            to.write_all(row).unwrap();
        }
        fill(to, size);
    }),
    ("a manifest of one long string", |to| {
        let start = manifest("").replace("\"content\":\"\"", "\"content\":\"");
        header(to, EntryType::Regular, MANIFEST, 46 << 20);
        to.write_all(start.as_bytes()).unwrap();
        zeros(to, b'n', (46 << 20) - start.len() as u64);
    }),
    ("a deep manifest", |to| {
        header(to, EntryType::Regular, MANIFEST, 46 << 20);
        to.write_all(b"{\"layout\":1,\"files\":").unwrap();
        zeros(to, b'[', (46 << 20) - 20);
    }),
    ("many large members", |to| {
        large_members(to, 41, 63 << 20);
    }),
    ("members that are just not too large", |to| {
        large_members(to, 20, 16 << 20);
    }),
];

fn manifest(rows: &str) -> String {
    format!(
        "{{\"layout\":1,\"wakeeper\":\"0.1.0\",\"created_ms\":1,\"label\":\"auth_info\",\"format\":\"baileys\",\
         \"credentials\":\"sound\",\"signal_sessions\":0,\"content\":\"\",\"files\":[{rows}]}}"
    )
}

fn header(to: &mut dyn Write, kind: EntryType, name: &str, size: u64) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    to.write_all(header.as_bytes()).unwrap();
}

fn zeros(to: &mut dyn Write, byte: u8, count: u64) {
    std::io::copy(&mut std::io::repeat(byte).take(count), to).unwrap();
}

fn fill(to: &mut dyn Write, size: usize) {
    zeros(to, 0, (size.next_multiple_of(512) - size) as u64);
}

fn announced(to: &mut dyn Write, kind: EntryType, size: u64) {
    header(to, kind, "././@LongLink", size);
    zeros(to, b'n', size);
}

/// Members of such names as a session has, with the hashes that they have.
fn large_members(to: &mut dyn Write, count: usize, size: u64) {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let block = vec![b' '; 1 << 20];
    for _ in 0..size >> 20 {
        hash.update(&block);
    }
    let hash = hex::encode(hash.finalize());
    let rows = (1..=count).map(|n| {
        format!("{{\"path\":\"session/pre-key-{n}.json\",\"len\":{size},\"sha256\":\"{hash}\",\"mode\":384,\"modified_ms\":0}}")
    });
    let text = manifest(&rows.collect::<Vec<_>>().join(","));
    header(to, EntryType::Regular, MANIFEST, text.len() as u64);
    to.write_all(text.as_bytes()).unwrap();
    fill(to, text.len());
    for n in 1..=count {
        header(to, EntryType::Regular, &format!("session/pre-key-{n}.json"), size);
        zeros(to, b' ', size);
    }
    zeros(to, 0, 1024);
}

/// A data folder with a session and one archive on its shelf, the newest there is.
fn data(write: fn(&mut dyn Write)) -> (TempDir, PathBuf) {
    let data = support::data("baileys7");
    let shelf = data.path().join("session_backups");
    std::fs::create_dir(&shelf).unwrap();
    let archive = shelf.join("auth_info_20300101T000000000Z.tar.zst");
    let mut encoder = zstd::Encoder::new(File::create(&archive).unwrap(), 3).unwrap();
    write(&mut encoder);
    encoder.finish().unwrap();
    (data, archive)
}

/// Every command that meets an archive, on this one. Answers the most memory that any took so far, in kilobytes.
fn meet(what: &str, data: &Path, archive: &Path) -> i64 {
    let archive = archive.to_str().unwrap();
    for arguments in [
        &["health"][..],
        &["backup", "list"],
        &["clean", "--dry-run"],
        &["examine", archive],
        &["backup", "verify", archive],
        &["restore", archive, "--dry-run"],
        &["restore", archive, "--what", "all", "--force", "a test", "--dry-run"],
    ] {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
        command.env_clear().current_dir("/").env("DATA_DIR", data).args(arguments);
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.code().is_some_and(|code| code < 100), "{what}: {arguments:?} ended with {status}");
        assert!(started.elapsed() < SOON, "{what}: {arguments:?} took {:?}", started.elapsed());
    }
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss()
}

#[test]
fn no_archive_takes_much_memory_or_time() {
    let (sound, archive) = data(|to| {
        let text = manifest("");
        header(to, EntryType::Regular, MANIFEST, text.len() as u64);
        to.write_all(text.as_bytes()).unwrap();
        fill(to, text.len());
        zeros(to, 0, 1024);
    });
    let baseline = meet("sound", sound.path(), &archive);
    for (what, bomb) in BOMBS {
        let (data, archive) = data(bomb);
        let size = std::fs::metadata(&archive).unwrap().len();
        assert!(size < 4 << 20, "{what}: {size} bytes");
        let peak = meet(what, data.path(), &archive);
        assert!(
            peak - baseline < ABOVE_BASELINE_KB,
            "{what}: {peak} kB, {} kB above the baseline of {baseline} kB",
            peak - baseline
        );
    }
}
