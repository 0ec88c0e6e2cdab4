//! Encrypted backups that were not opened. Nobody may take them for none.

use wakeeper_model::plural;

/// What is said of so many; `given` when there is a passphrase, which does not open them.
pub fn not_opened(count: usize, given: bool) -> Option<String> {
    let were = if count == 1 { "was" } else { "were" };
    let to = if given { " to the passphrase that it was made with" } else { "" };
    (count > 0).then(|| {
        format!("{} {were} not opened: set BACKUP_PASSPHRASE{to}", plural(count, "encrypted backup"))
    })
}
