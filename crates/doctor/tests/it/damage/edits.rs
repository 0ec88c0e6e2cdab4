//! How files are damaged.

use std::path::Path;

pub(super) const BOB: &str = "session-6281100000002.0.json";
pub(super) const CAROL_7: &str = "session-100000000000033_1.3.json";
pub(super) const CAROL_6: &str = "session-100000000000033.3.json";
pub(super) const BOBS_SENDER_KEY: &str = "sender-key-120363000000000001@g.us--6281100000002--0.json";

pub(super) fn write(dir: &Path, name: &str, content: &[u8]) {
    std::fs::write(dir.join(name), content).unwrap();
}

pub(super) fn edit(dir: &Path, name: &str, change: impl Fn(&str) -> String) {
    let before = std::fs::read_to_string(dir.join(name)).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the damage is none");
    std::fs::write(dir.join(name), after).unwrap();
}

pub(super) fn cut(dir: &Path, name: &str, len: usize) {
    let content = std::fs::read(dir.join(name)).unwrap();
    write(dir, name, &content[..len]);
}

pub(super) fn append(dir: &Path, name: &str, more: &[u8]) {
    let mut content = std::fs::read(dir.join(name)).unwrap();
    content.extend_from_slice(more);
    write(dir, name, &content);
}

pub(super) fn counters(dir: &Path, next: u32, first: u32) {
    edit(dir, "creds.json", |text| {
        text.replace("\"nextPreKeyId\":15", &format!("\"nextPreKeyId\":{next}"))
            .replace("\"firstUnuploadedPreKeyId\":15", &format!("\"firstUnuploadedPreKeyId\":{first}"))
    });
}

/// Puts a value of 44 characters from another file behind the last occurrence of a label.
pub(super) fn swap_between(dir: &Path, name: &str, other: &str, label: &str) {
    let other = std::fs::read_to_string(dir.join(other)).unwrap();
    let from = other.rfind(label).unwrap() + label.len();
    edit(dir, name, |text| {
        let at = text.rfind(label).unwrap() + label.len();
        format!("{}{}{}", &text[..at], &other[from..from + 44], &text[at + 44..])
    });
}

pub(super) fn replace_member(text: &str, other: &str, member: &str) -> String {
    let span = |text: &str| {
        let value = wakeeper_doctor::json::parse(text.as_bytes()).unwrap();
        value.get(member).unwrap().span.clone()
    };
    let mut out = text.to_owned();
    out.replace_range(span(text), &other[span(other)]);
    out
}
