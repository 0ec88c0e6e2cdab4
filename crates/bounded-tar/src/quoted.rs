//! Paths in commands that are printed, so that they can be pasted into a shell.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::is_shown_plainly;

/// A path as a shell takes it. Characters that no page shows as they are, and bytes that are none, are written as bash and zsh
/// read them.
pub fn quoted(path: &Path) -> String {
    let Some(text) = path.to_str().filter(|text| text.chars().all(is_shown_plainly)) else {
        return spelled(path.as_os_str().as_bytes());
    };
    let text = text.to_owned();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `$'two\nlines'`: each piece that cannot be shown byte by byte.
fn spelled(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str(r"\n"),
                '\t' => text.push_str(r"\t"),
                '\r' => text.push_str(r"\r"),
                '\'' | '\\' => text.extend(['\\', c]),
                c if is_shown_plainly(c) => text.push(c),
                c => spell_bytes(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        spell_bytes(&mut text, chunk.invalid());
    }
    text.push('\'');
    text
}

/// In octal, of which a shell reads three digits at most: what follows can be a digit, too.
fn spell_bytes(text: &mut String, bytes: &[u8]) {
    text.extend(bytes.iter().map(|byte| format!("\\{byte:03o}")));
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn paths_come_back_as_a_shell_takes_them() {
        assert_eq!(quoted(Path::new("/srv/bot-1")), "/srv/bot-1");
        assert_eq!(quoted(Path::new("my bot")), "'my bot'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(Path::new("n1/it's\nevil\u{1b}[2J")), r"$'n1/it\'s\nevil\033[2J'");
        assert_eq!(quoted(Path::new("a\u{202e}b\\")), r"$'a\342\200\256b\\'");
        assert_eq!(quoted(Path::new(OsStr::from_bytes(b"x\xff1"))), r"$'x\3771'");
    }
}
