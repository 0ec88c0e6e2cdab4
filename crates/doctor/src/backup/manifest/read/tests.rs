use super::*;
use crate::backup::manifest::Manifest;

fn text(files: &str, more: &str) -> String {
    format!(
        r#"{{"layout":1,"wakeeper":"0.1.0","created_ms":1,"label":"web","format":"baileys","credentials":"sound",
        "signal_sessions":2,"content":"","files":[{files}]{more}}}"#
    )
}

const ROW: &str = r#"{"path":"session/a","len":0,"sha256":"","mode":0,"modified_ms":0}"#;

fn manifest(text: impl Read) -> Result<Manifest, Refused> {
    read(text)
}

fn reason<T: std::fmt::Debug>(result: Result<T, Refused>) -> &'static str {
    match result {
        Err(Refused::Because(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_both_ways() {
    let text = text(&[ROW, ROW].join(","), "");
    assert_eq!(manifest(text.as_bytes()).unwrap().files.len(), 2);
    let summary: Summary = read(text.as_bytes()).unwrap();
    assert_eq!((summary.files, summary.signal_sessions), (2, 2));
    assert_eq!(summary.credentials, CredentialsState::Sound);
}

#[test]
fn other_layouts_and_other_files_are_told_apart() {
    let newer = text("", "").replace("\"layout\":1", "\"layout\":7");
    assert!(matches!(manifest(newer.as_bytes()), Err(Refused::Newer(7))));
    assert!(matches!(
        manifest(&br#"{"layout":8,"files":{"of":"another shape"}}"#[..]),
        Err(Refused::Newer(8))
    ));
    assert!(matches!(manifest(&b"{\"a\":1}"[..]), Err(Refused::NoLayout)));
    assert!(matches!(manifest(&b"layout"[..]), Err(Refused::NoLayout)));
    assert_eq!(reason(manifest(&b"{\"layout\":1}"[..])), "it is not a manifest");
}

/// A text that goes on for ever, so that whoever reads all of it does not come back.
fn endless(start: &str, again: &'static str) -> impl Read {
    let again = std::iter::repeat(again.as_bytes()).flatten().copied();
    struct Bytes<I>(I);
    impl<I: Iterator<Item = u8>> Read for Bytes<I> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let mut filled = 0;
            for (place, byte) in room.iter_mut().zip(&mut self.0) {
                *place = byte;
                filled += 1;
            }
            Ok(filled)
        }
    }
    io::Cursor::new(start.as_bytes().to_vec()).chain(Bytes(again))
}

#[test]
fn the_number_of_rows_is_bounded_while_they_are_read() {
    const ROWS: &str = r#",{"path":"session/a","len":0,"sha256":"","mode":0,"modified_ms":0}"#;
    let start = text(ROW, "");
    let start = start.strip_suffix("]}").unwrap();
    assert_eq!(reason(manifest(endless(start, ROWS))), MANY);
    assert_eq!(reason(read::<Summary>(endless(start, ROWS))), MANY);
    let start = text(ROW, r#","left_out":[{"name":"","reason":""}"#);
    let start = start.strip_suffix('}').unwrap();
    assert_eq!(reason(manifest(endless(start, r#",{"name":"","reason":""}"#))), MANY);
}

#[test]
fn depth_and_length_are_bounded_while_they_are_read() {
    for (again, expected) in [
        ("[", "nested too deeply"),
        ("{\"a\":", "nested too deeply"),
        ("1", "too long"),
        (" ", "too long"),
        ("\\\\", "too long"),
    ] {
        for field in ["left_out", "unknown", "label"] {
            let quote = if again.starts_with('\\') { "\"" } else { "" };
            let start = format!("{{\"layout\":1,\"{field}\":{quote}");
            for told in [
                manifest(endless(&start, again)).map(|_| ()),
                read::<Summary>(endless(&start, again)).map(|_| ()),
            ] {
                match told {
                    // A value of the wrong kind is refused even earlier.
                    Err(Refused::Because(reason)) => {
                        assert!(reason.contains(expected) || reason == "it is not a manifest", "{reason}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    let start = "{\"layout\":1,\"unknown\":";
    assert!(reason(manifest(endless(start, "["))).contains("too deeply"));
    assert!(reason(manifest(endless(&format!("{start}\""), "n"))).contains("too long"));
}
