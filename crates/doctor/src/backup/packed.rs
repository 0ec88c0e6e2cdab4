//! Archives of other kinds than tar, which are not read here: told by their first bytes, with the command that unpacks them.

use std::io::Read;
use std::path::Path;

use wakeeper_bounded_tar::quoted;
use wakeeper_private_fs::shown;

/// First bytes, what the kind is called, and the command that unpacks an archive into a folder.
type Kind = (&'static [u8], &'static str, fn(&str) -> String);

/// Where the commands unpack to.
pub(crate) const UNPACKED: &str = "unpacked";
const KINDS: [Kind; 6] = [
    (b"PK\x03\x04", "zip", |file| format!("unzip {file} -d {UNPACKED}")),
    (b"PK\x05\x06", "zip", |file| format!("unzip {file} -d {UNPACKED}")),
    (b"\xfd7zXZ\0", "xz", |file| format!("mkdir {UNPACKED} && tar -xf {file} -C {UNPACKED}")),
    (b"BZh", "bzip2", |file| format!("mkdir {UNPACKED} && tar -xf {file} -C {UNPACKED}")),
    (b"7z\xbc\xaf\x27\x1c", "7z", |file| format!("7z x {file} -o{UNPACKED}")),
    (b"Rar!\x1a\x07", "rar", |file| format!("unrar x {file} {UNPACKED}/")),
];
/// What follows `BZh` and a digit in every bzip2 file that holds anything.
const BZIP2_BLOCK: &[u8] = &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59];

/// What an archive is that has to be unpacked before it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// What its kind is called.
    pub kind: &'static str,
    /// The command that unpacks it.
    pub command: String,
}

impl Packed {
    /// By the first bytes of a file.
    pub(crate) fn of(path: &Path, start: &[u8]) -> Option<Self> {
        let (magic, kind, command) = KINDS.iter().find(|(magic, ..)| start.starts_with(magic))?;
        let is_it = *magic != b"BZh" || start.get(4..10) == Some(BZIP2_BLOCK);
        is_it.then(|| Self { kind, command: command(&quoted(&shown(path))) })
    }

    /// The same of a file that is opened for it.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let mut start = [0; 10];
        let mut file = super::archive::open_plain(path).ok()?;
        file.read_exact(&mut start).ok()?;
        Self::of(path, &start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_first_bytes_and_has_its_command() {
        let of = |start: &[u8]| Packed::of(Path::new("/srv/my bot/auth.x"), start);
        for (start, kind, command) in [
            (&b"PK\x03\x04\x14\0\0\0\0\0"[..], "zip", "unzip '/srv/my bot/auth.x' -d unpacked"),
            (b"\xfd7zXZ\0\0\x04\0\0", "xz", "mkdir unpacked && tar -xf '/srv/my bot/auth.x' -C unpacked"),
            (b"BZh91AY&SY", "bzip2", "mkdir unpacked && tar -xf '/srv/my bot/auth.x' -C unpacked"),
            (b"7z\xbc\xaf\x27\x1c\0\x04\0\0", "7z", "7z x '/srv/my bot/auth.x' -ounpacked"),
            (b"Rar!\x1a\x07\x01\0\0\0", "rar", "unrar x '/srv/my bot/auth.x' unpacked/"),
        ] {
            assert_eq!(of(start), Some(Packed { kind, command: command.to_owned() }));
        }
        let steers = Packed::of(Path::new("/srv/b\u{1b}[2J/auth.zip"), b"PK\x03\x04").unwrap().command;
        assert_eq!(steers, r"unzip $'/srv/b\033[2J/auth.zip' -d unpacked");
        assert_eq!(of(b"BZhat.json"), None);
        assert_eq!(of(b"{\"me\":{}}"), None);
    }
}
