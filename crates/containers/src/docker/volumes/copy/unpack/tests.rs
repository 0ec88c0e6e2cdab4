use std::io::{Seek, SeekFrom};

use super::super::changes::Changes;
use super::*;

fn app() -> User {
    User::plain(10_001, 10_001, Vec::new())
}

fn archive(entries: &[(&str, Option<&str>)]) -> File {
    let mut tar = tar::Builder::new(tempfile::tempfile().unwrap());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_uid(10001);
        header.set_gid(10001);
        header.set_mode(if content.is_some() { 0o644 } else { 0o755 });
        header.set_size(content.map_or(0, |content| content.len() as u64));
        header.set_entry_type(if content.is_some() {
            tar::EntryType::Regular
        } else {
            tar::EntryType::Directory
        });
        let bytes = content.unwrap_or_default().as_bytes();
        // Names that lead out are refused by the builder, so they are written raw.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    }
    let mut file = tar.into_inner().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

#[test]
fn changes_and_removals_are_seen() {
    let root = tempfile::tempdir().unwrap();
    let entries =
        [("a/", None), ("a/creds.json", Some("{}")), ("a/gone.json", Some("1")), ("a/same.json", Some("2"))];
    let was = unpack(archive(&entries), root.path(), &app()).unwrap().was;
    assert!(Changes::between(&was, root.path()).unwrap().is_empty());
    std::fs::write(root.path().join("a/creds.json"), "{\"x\":1}").unwrap();
    std::fs::write(root.path().join("a/new.json"), "n").unwrap();
    std::fs::remove_file(root.path().join("a/gone.json")).unwrap();
    let changes = Changes::between(&was, root.path()).unwrap();
    assert_eq!(changes.put, [PathBuf::from("a/creds.json"), PathBuf::from("a/new.json")]);
    assert_eq!(changes.removed, [PathBuf::from("a/gone.json")]);
}

/// Each is a header alone: were it believed, gigabytes would be taken for it.
#[test]
fn what_a_container_announces_is_bounded() {
    use tar::EntryType::{GNULongName, Regular, XHeader};
    for (kind, size, expected) in [
        (GNULongName, 1 << 30, "a name in it"),
        (XHeader, 1 << 30, "extensions of more than"),
        (Regular, 2 << 30, "more than the limit"),
        (Regular, 5 << 30, "more than the limit"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.as_old_mut().name[0] = b'a';
        header.set_cksum();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let root = tempfile::tempdir().unwrap();
        let error = unpack(file, root.path(), &app()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should tell: {expected}");
    }
}

#[test]
fn names_that_are_told_do_not_steer_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let error = unpack(archive(&[("../\u{1b}[2J", Some("x"))]), root.path(), &app()).unwrap_err().to_string();
    assert!(error.contains("\\u{1b}[2J") && !error.contains('\u{1b}'), "{error}");
}

#[test]
fn nothing_leaves_the_folder() {
    for name in ["../evil", "/etc/evil", "a/../../evil"] {
        let root = tempfile::tempdir().unwrap();
        let error = unpack(archive(&[("a/", None), (name, Some("x"))]), root.path(), &app()).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{name}: {error}");
    }
}

/// What a header tells: kind, owner, mode, name, what it links to, content.
type Row<'a> = (tar::EntryType, u64, u32, &'a str, &'a str, &'a str);

fn mixed(rows: &[Row<'_>]) -> File {
    let mut tar = tar::Builder::new(tempfile::tempfile().unwrap());
    for (kind, uid, mode, name, link, content) in rows {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_uid(*uid);
        header.set_gid(*uid);
        header.set_mode(*mode);
        header.set_size(content.len() as u64);
        header.set_path(name).unwrap();
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        tar.append(&header, content.as_bytes()).unwrap();
    }
    let mut file = tar.into_inner().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

#[test]
fn what_the_containers_user_may_not_read_is_left_out() {
    use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};
    let rows: [Row<'_>; 11] = [
        (Directory, 10_001, 0o700, "a/", "", ""),
        (Regular, 10_001, 0o600, "a/creds.json", "", "{}"),
        (Regular, 0, 0o644, "a/open.json", "", "open"),
        (Regular, 0, 0o600, "a/pre-key-99.json", "", "SECRET"),
        (Link, 0, 0o600, "a/linked.json", "a/pre-key-99.json", ""),
        (Link, 10_001, 0o600, "a/again.json", "a/pre-key-99.json", ""),
        (Link, 10_001, 0o600, "a/twice.json", "a/creds.json", ""),
        (Directory, 0, 0o700, "a/private/", "", ""),
        (Regular, 0, 0o644, "a/private/key.json", "", "SECRET"),
        (Symlink, 10_001, 0o777, "a/link.json", "/etc/shadow", ""),
        (Fifo, 10_001, 0o600, "a/pipe", "", ""),
    ];
    let root = tempfile::tempdir().unwrap();
    let unpacked = unpack(mixed(&rows), root.path(), &app()).unwrap();
    let found: Vec<_> = unpacked.was.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(found, ["a", "a/creds.json", "a/open.json", "a/twice.json"]);
    assert_eq!(std::fs::read(root.path().join("a/twice.json")).unwrap(), b"{}");
    assert_eq!(unpacked.left_out.count, 7);
    assert!(unpacked.left_out.to_string().contains("a/pre-key-99.json: the container runs as user 10001"));
    // Root of the container reads everything but what is no file.
    let root = tempfile::tempdir().unwrap();
    let unpacked = unpack(mixed(&rows), root.path(), &User::root()).unwrap();
    assert_eq!((unpacked.was.len(), unpacked.left_out.count), (9, 2));
    assert_eq!(std::fs::read(root.path().join("a/linked.json")).unwrap(), b"SECRET");
    let root = tempfile::tempdir().unwrap();
    let error = unpack(mixed(&[(Directory, 0, 0o700, "a/", "", "")]), root.path(), &app()).unwrap_err();
    assert!(error.to_string().contains("may read"), "{error}");
}

#[test]
fn a_hard_link_leads_to_nothing_but_what_was_unpacked() {
    use tar::EntryType::{Directory, Link, Regular};
    for link in ["../secret", "/etc/shadow", "a/../../secret"] {
        let root = tempfile::tempdir().unwrap();
        let rows = [(Directory, 10_001, 0o700, "a/", "", ""), (Link, 10_001, 0o600, "a/x", link, "")];
        assert!(unpack(mixed(&rows), root.path(), &app()).is_err(), "{link}");
    }
    let root = tempfile::tempdir().unwrap();
    let rows = [
        (Directory, 10_001, 0o700, "a/", "", ""),
        (Regular, 10_001, 0o600, "a/x", "", "kept"),
        (Link, 10_001, 0o600, "a/x", "a/x", ""),
    ];
    assert!(unpack(mixed(&rows), root.path(), &app()).is_err());
    assert_eq!(std::fs::read(root.path().join("a/x")).unwrap(), b"kept");
}
