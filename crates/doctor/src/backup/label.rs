//! What a session is called in a backup folder.

use std::path::Path;

/// Characters that a label may have; the time and the archive's ending follow it in a file's name.
const LONGEST: usize = 54;

/// A name for the backups of the session in a folder: the folder's own, of the characters that labels may have.
pub fn label_of(folder: &Path) -> String {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    plain_label(&name)
}

/// A name of only such characters as labels may have.
pub fn plain_label(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let label: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(LONGEST).collect();
    if label.is_empty() { "session".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_only_what_file_names_may() {
        for (folder, expected) in
            [("/no/such/auth_info", "auth_info"), ("/no/such/my bot.1", "my-bot-1"), ("/", "session")]
        {
            assert_eq!(label_of(Path::new(folder)), expected);
        }
    }
}
