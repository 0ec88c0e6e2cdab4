//! Any path, below a folder in which the fuzzer has put links where it wanted: what is opened is always the folder's own.
//!
//! Each line of the input but the last makes a link, `place>target`; the last line is the path that is walked.

#![no_main]

use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wakeeper_private_fs::{Folder, Trust};

/// Where links are made; a folder of each is always there.
const FOLDERS: [&str; 4] = ["", "a", "a/b", "c"];
const LINKS: usize = 8;

/// A folder that lies beside a secret, for the whole run.
static GROUND: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = std::env::temp_dir().join(format!("wakeeper-walker-{}", std::process::id()));
    std::fs::create_dir_all(base.join("secret/a/b")).expect("a secret folder");
    for file in ["secret/file", "secret/a/file", "secret/a/b/file"] {
        std::fs::write(base.join(file), "SECRET").expect("a secret");
    }
    base
});

fn prepare() -> PathBuf {
    let mine = GROUND.join("mine");
    let _ = std::fs::remove_dir_all(&mine);
    for folder in FOLDERS {
        std::fs::create_dir_all(mine.join(folder)).expect("a folder");
        std::fs::write(mine.join(folder).join("file"), "mine").expect("a file");
    }
    mine
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (links, path) = text.rsplit_once('\n').unwrap_or(("", text));
    let mine = prepare();
    for line in links.lines().take(LINKS) {
        let Some((place, target)) = line.split_once('>') else { continue };
        let plain = !place.is_empty() && place != ".." && !place.contains(['/', '\0']);
        if plain && !target.is_empty() && !target.contains('\0') {
            let folder = FOLDERS[place.len() % FOLDERS.len()];
            let _ = symlink(target, mine.join(folder).join(place));
        }
    }
    let Ok(folder) = Folder::named(&mine).and_then(|folder| folder.trusted(Trust::Nobody(None))) else {
        return;
    };
    let path = Path::new(path);
    let mut opened: Vec<std::fs::File> = folder.open_below(path).map(|(file, _)| file).into_iter().collect();
    if let Ok(below) = folder.below(path) {
        let real = std::fs::read_link(below.path()).expect("where it is");
        assert!(real.starts_with(&mine), "{} leads to {}", path.display(), real.display());
        opened.extend(below.open_file("file").map(|(file, _)| file));
    }
    for mut file in opened {
        let mut content = String::new();
        file.read_to_string(&mut content).expect("a file");
        assert_eq!(content, "mine", "{}", path.display());
    }
});
