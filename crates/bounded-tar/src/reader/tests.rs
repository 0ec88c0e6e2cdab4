use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds =
    Bounds { total: 1 << 20, entries: 10, entry: 10_000, name: 300, extensions: 8192, records: 16 };

fn header(kind: EntryType, name: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o640);
    header.set_uid(7);
    header.set_gid(8);
    header.set_mtime(9);
    header.set_cksum();
    header
}

/// An entry with its content and filling.
fn entry(kind: EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(kind, name, content.len() as u64).as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(EntryType::Regular, name, content)
}

fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// Names and contents, or why it was refused.
fn read(stream: impl Read, bounds: Bounds) -> Result<Vec<(String, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(stream, bounds);
    let mut found = Vec::new();
    while let Some(mut entry) = reader.next_entry()? {
        let mut content = Vec::new();
        let mut room = [0; 100];
        loop {
            match entry.piece(&mut room)? {
                0 => break,
                read => content.extend(&room[..read]),
            }
        }
        found.push((String::from_utf8_lossy(&entry.name).into_owned(), content));
    }
    reader.finish()?;
    Ok(found)
}

/// So many zeros after a beginning, and how much of it was read.
fn endless(start: Vec<u8>) -> (impl Read, Rc<Cell<u64>>) {
    struct Counted<R>(R, Rc<Cell<u64>>);
    impl<R: Read> Read for Counted<R> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(room)?;
            self.1.set(self.1.get() + read as u64);
            Ok(read)
        }
    }
    let count = Rc::new(Cell::new(0));
    (Counted(io::Cursor::new(start).chain(io::repeat(b'n')), Rc::clone(&count)), count)
}

/// What a header alone announces is refused before anything of it is read.
fn refused_at_once(start: Vec<u8>, expected: &str) {
    let length = start.len() as u64;
    let (stream, count) = endless(start);
    let error = read(stream, BOUNDS).unwrap_err().to_string();
    assert!(error.contains(expected), "{error} should tell: {expected}");
    assert_eq!(count.get(), length, "{expected}: nothing more was read");
}

#[test]
fn reads_what_the_library_writes() {
    let mut tar = tar::Builder::new(Vec::new());
    let long = format!("folder/{}", "n".repeat(200));
    for (name, content) in [("short", &b"content"[..]), (long.as_str(), &[5; 1500]), ("empty", b"")] {
        let mut header = header(EntryType::Regular, "", content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    let found = read(bytes.as_slice(), BOUNDS).unwrap();
    let expected =
        [("short".to_owned(), b"content".to_vec()), (long, vec![5; 1500]), ("empty".to_owned(), Vec::new())];
    assert_eq!(found, expected);
}

#[test]
fn records_name_the_entry_and_say_whose_it_is() {
    let records = b"15 path=x/long\n12 uid=70000\n9 size=3\n";
    let bytes = [entry(EntryType::XHeader, "pax", records), file("short", b"abc"), end()].concat();
    let mut reader = Reader::new(bytes.as_slice(), BOUNDS);
    let error = reader.next_entry().unwrap_err();
    assert!(error.to_string().contains("PAX records"), "a wrong length: {error}");
    let records = b"15 path=x/long\n13 uid=70000\n10 size=3\n";
    let bytes = [entry(EntryType::XHeader, "pax", records), file("short", b"abc"), end()].concat();
    let mut reader = Reader::new(bytes.as_slice(), BOUNDS);
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!((entry.name.as_slice(), entry.kind, entry.size), (&b"x/long"[..], Kind::File, 3));
    assert_eq!((entry.uid, entry.gid, entry.mode, entry.mtime), (70000, 8, 0o640, 9));
    assert!(reader.next_entry().unwrap().is_none());
}

#[test]
fn a_hard_link_tells_of_which_file_it_is_a_name() {
    let mut short = header(EntryType::Link, "two", 0);
    short.as_old_mut().linkname[..3].copy_from_slice(b"one");
    short.set_cksum();
    let long = vec![b'n'; 200];
    let bytes = [
        short.as_bytes().to_vec(),
        entry(EntryType::GNULongLink, "././@LongLink", &long),
        short.as_bytes().to_vec(),
        entry(EntryType::XHeader, "pax", b"16 linkpath=a/b\n"),
        short.as_bytes().to_vec(),
        end(),
    ]
    .concat();
    let mut reader = Reader::new(bytes.as_slice(), BOUNDS);
    for expected in [&b"one"[..], &long, b"a/b"] {
        let entry = reader.next_entry().unwrap().unwrap();
        assert_eq!((entry.kind, entry.link.as_slice()), (Kind::HardLink, expected));
    }
    assert!(reader.next_entry().unwrap().is_none());
}

#[test]
fn what_was_left_empty_is_nobodys() {
    let mut header = Header::new_gnu();
    header.set_size(0);
    header.as_old_mut().name[0] = b'a';
    header.set_cksum();
    let mut reader = Reader::new(&header.as_bytes()[..], BOUNDS);
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!((entry.uid, entry.gid, entry.mode, entry.mtime), (0, 0, 0, 0));
    header.as_old_mut().uid[0] = b'x';
    header.set_cksum();
    assert!(Reader::new(&header.as_bytes()[..], BOUNDS).next_entry().is_err());
}

#[test]
fn a_long_name_is_refused_before_it_is_read() {
    for size in [302, 1 << 20, 1 << 30, 1 << 60] {
        let start = header(EntryType::GNULongName, "././@LongLink", size).as_bytes().to_vec();
        refused_at_once(start, if size < 1 << 20 { "a name in it" } else { "unpacks to more" });
        let start = header(EntryType::GNULongLink, "././@LongLink", size).as_bytes().to_vec();
        refused_at_once(start, if size < 1 << 20 { "a name in it" } else { "unpacks to more" });
    }
    let records = [format!("{} path={}\n", 400 + 10, "n".repeat(400)).into_bytes(), Vec::new()].concat();
    let bytes = [entry(EntryType::XHeader, "pax", &records), file("short", b""), end()].concat();
    assert!(matches!(read(bytes.as_slice(), BOUNDS), Err(TarError::Name { size: 400, limit: 300 })));
}

#[test]
fn extensions_are_refused_before_they_are_read() {
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader] {
        refused_at_once(header(kind, "pax", 8193).as_bytes().to_vec(), "extensions of more than 8192");
    }
    // Together they are bounded as well.
    let half = vec![b'n'; 4500];
    let start =
        [entry(EntryType::XGlobalHeader, "a", &half), entry(EntryType::XGlobalHeader, "b", &half)].concat();
    let error = read(start.as_slice(), BOUNDS).unwrap_err();
    assert!(matches!(error, TarError::Extensions { .. }), "{error}");
    let many = entry(EntryType::XGlobalHeader, "g", b"6 a=b\n").repeat(EXTENSIONS + 1);
    assert!(read(many.as_slice(), BOUNDS).unwrap_err().to_string().contains("too many headers"));
    let records = b"6 a=b\n".repeat(17);
    let bytes = [entry(EntryType::XHeader, "pax", &records), file("a", b"")].concat();
    assert!(matches!(read(bytes.as_slice(), BOUNDS), Err(TarError::Records { limit: 16 })));
}

#[test]
fn an_entry_is_refused_before_it_is_read() {
    refused_at_once(header(EntryType::Regular, "big", 10_001).as_bytes().to_vec(), "big has 10001 bytes");
    // What is not a file is passed over, so it is bounded too.
    refused_at_once(header(EntryType::Symlink, "link", 10_001).as_bytes().to_vec(), "link has 10001 bytes");
    let records = b"15 size=999999\n";
    let start =
        [entry(EntryType::XHeader, "pax", records), header(EntryType::Regular, "big", 1).as_bytes().to_vec()];
    refused_at_once(start.concat(), "big has 999999 bytes");
    let steering = header(EntryType::Regular, "a\u{1b}[2J", 10_001);
    refused_at_once(steering.as_bytes().to_vec(), "a\\u{1b}[2J has");
}

#[test]
fn the_sum_and_the_number_are_bounded() {
    let many = [file("a", b"").repeat(11), end()].concat();
    assert!(matches!(read(many.as_slice(), BOUNDS), Err(TarError::Entries { limit: 10 })));
    let big = [file("a", &[0; 9000]).repeat(9), end()].concat();
    assert_eq!(read(big.as_slice(), BOUNDS).unwrap().len(), 9);
    let tight = Bounds { total: 50_000, ..BOUNDS };
    assert!(matches!(read(big.as_slice(), tight), Err(TarError::Total { limit: 50_000 })));
    // Passed over instead of read, the sum is the same.
    let mut reader = Reader::new(big.as_slice(), tight);
    let error = loop {
        match reader.next_entry() {
            Ok(entry) => assert!(entry.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TarError::Total { .. }));
    assert!(reader.bytes_read() <= 50_000);
}

#[test]
fn sparse_files_are_refused() {
    let bytes = file("hole", b"x");
    let old = entry(EntryType::GNUSparse, "hole", b"x");
    let new = [entry(EntryType::XHeader, "pax", b"22 GNU.sparse.major=1\n"), bytes].concat();
    for bytes in [old, new] {
        assert!(matches!(read(bytes.as_slice(), BOUNDS), Err(TarError::Sparse(name)) if name == "hole"));
    }
}

#[test]
fn nothing_follows_the_end() {
    let tail = [file("a", b"1"), end(), file("b", b"2")].concat();
    assert!(read(tail.as_slice(), BOUNDS).unwrap_err().to_string().contains("follows its end"));
    let filled = [file("a", b"1"), vec![0; 20 * BLOCK]].concat();
    assert_eq!(read(filled.as_slice(), BOUNDS).unwrap().len(), 1);
    let endless = io::Cursor::new([file("a", b"1"), end()].concat()).chain(io::repeat(0));
    assert!(read(endless, Bounds { total: u64::MAX, ..BOUNDS }).is_err(), "zeros without end");
}

proptest! {
    /// Whatever the bytes are, reading ends, and neither more is read nor a longer name handed out than the bounds say.
    #[test]
    fn bounds_hold_for_any_bytes(
        kinds in prop::collection::vec((any::<u8>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..700)), 0..12),
        total in 512u64..100_000,
    ) {
        let mut bytes = Vec::new();
        for (kind, size, content) in kinds {
            let kinds = *b"0LKxgS12567MVD";
            let kind = EntryType::new(kinds[usize::from(kind) % kinds.len()]);
            // Sizes that are right, nearly right, and wild.
            let size = if size % 3 == 0 { size } else { content.len() as u64 + size % 2 };
            bytes.extend(header(kind, "name", size & 0xffff_ffff).as_bytes());
            bytes.extend(&content);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        let bounds = Bounds { total, ..BOUNDS };
        let mut reader = Reader::new(bytes.as_slice(), bounds);
        let mut entries = 0;
        while let Ok(Some(entry)) = reader.next_entry() {
            entries += 1;
            prop_assert!(entry.name.len() <= bounds.name);
            prop_assert!(entry.size <= bounds.entry);
        }
        prop_assert!(entries <= bounds.entries);
        prop_assert!(reader.bytes_read() <= total + 4096);
    }

    #[test]
    fn what_was_written_is_read(files in prop::collection::vec(("[a-z]{1,90}", prop::collection::vec(any::<u8>(), 0..2000)), 0..10)) {
        let bytes = [files.iter().flat_map(|(name, content)| file(name, content)).collect(), end()].concat();
        prop_assert_eq!(read(bytes.as_slice(), BOUNDS).unwrap(), files);
    }
}
