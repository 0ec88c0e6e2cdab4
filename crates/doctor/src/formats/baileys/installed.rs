//! Which release of Baileys is installed where a gateway of Node keeps its packages: beside the session's folder or above
//! it. What is installed says what will run on the folder; its files only say what ran last.

use std::io::Read;
use std::path::{Path, PathBuf};

use wakeeper_private_fs::Folder;

use super::Version;
use crate::json::{self, Value};

/// Names that Baileys is published under.
const PACKAGES: [&str; 3] = ["@whiskeysockets/baileys", "baileys", "@adiwajshing/baileys"];
/// `app/auth_info`, `app/data/auth_info`, `app/data/sessions/name`.
const ABOVE: usize = 3;
/// A manifest of a package has a few kilobytes.
const BYTES: u64 = 256 << 10;

/// A manifest that may tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Where it would be.
    pub path: PathBuf,
    /// It is Baileys' own, and not one that asks for Baileys.
    own: bool,
}

/// Where manifests may be, for a session in a folder; the surest first.
pub fn manifests(folder: &Path, working_dir: Option<&Path>) -> Vec<Manifest> {
    let mut dirs: Vec<&Path> = Vec::new();
    for dir in working_dir.into_iter().chain(folder.ancestors().skip(1).take(ABOVE)) {
        if dir.parent().is_some() && !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let of_dir = |dir: &Path| {
        let modules = dir.join("node_modules");
        let own =
            PACKAGES.iter().map(|name| Manifest { path: modules.join(name).join("package.json"), own: true });
        own.chain([Manifest { path: dir.join("package.json"), own: false }]).collect::<Vec<_>>()
    };
    dirs.into_iter().flat_map(of_dir).collect()
}

impl Manifest {
    /// The release that its text tells; a range of releases tells none.
    pub fn release(&self, text: &[u8]) -> Option<Version> {
        let value = json::parse(text).ok()?;
        if self.own {
            return Version::of_release(value.get("version")?.as_str()?);
        }
        let wanted = value.get("dependencies")?;
        let pinned = |name: &&str| wanted.get(name).and_then(Value::as_str).and_then(pin);
        PACKAGES.iter().find_map(pinned)
    }
}

/// `7.0.0-rc14`, `=6.7.18`, `npm:baileys@7.0.0-rc.9`; a bare major version is a range.
fn pin(text: &str) -> Option<Version> {
    let text = text.strip_prefix("npm:").and_then(|alias| Some(alias.rsplit_once('@')?.1)).unwrap_or(text);
    let text = text.strip_prefix('=').unwrap_or(text);
    (text.matches('.').count() >= 2).then(|| Version::of_release(text))?
}

/// The release that is installed near a folder of this machine.
pub fn near(folder: &Path) -> Option<Version> {
    let folder = folder.canonicalize().ok()?;
    manifests(&folder, None).iter().find_map(|manifest| manifest.release(&read(&manifest.path)?))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let (file, stat) = Folder::file_named(path).ok()?;
    let mut text = Vec::new();
    (u64::try_from(stat.st_size).ok()? <= BYTES).then_some(())?;
    file.take(BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn what_is_installed_comes_before_what_is_asked_for() {
        let app = tempfile::tempdir().unwrap();
        for below in ["auth_info", "data/auth_info", "data/sessions/shop"] {
            std::fs::create_dir_all(app.path().join(below)).unwrap();
        }
        let found = || {
            ["auth_info", "data/auth_info", "data/sessions/shop"].map(|below| near(&app.path().join(below)))
        };
        assert_eq!(found(), [None; 3]);
        write(app.path(), "package.json", r#"{"dependencies":{"@whiskeysockets/baileys":"^6.7.18"}}"#);
        assert_eq!(found(), [None; 3], "a range");
        write(
            app.path(),
            "package.json",
            r#"{"dependencies":{"baileys":"npm:@whiskeysockets/baileys@6.17.16"}}"#,
        );
        assert_eq!(found(), [Some(Version::V6); 3]);
        write(app.path(), "node_modules/@whiskeysockets/baileys/package.json", r#"{"version":"6.7.24"}"#);
        assert_eq!(found(), [Some(Version::V6Late); 3]);
    }

    #[test]
    fn manifests_that_lie_tell_nothing() {
        let app = tempfile::tempdir().unwrap();
        let folder = app.path().join("auth_info");
        std::fs::create_dir(&folder).unwrap();
        let name = "node_modules/baileys/package.json";
        for text in ["", "[]", "{\"version\":7}", "{\"version\":\"\u{1b}[2J\"}"] {
            write(app.path(), name, text);
            assert_eq!(near(&folder), None, "{text}");
        }
        std::fs::File::options().write(true).open(app.path().join(name)).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(near(&folder), None);
        std::fs::remove_file(app.path().join(name)).unwrap();
        let fifo = app.path().join(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(near(&folder), None);
    }
}
