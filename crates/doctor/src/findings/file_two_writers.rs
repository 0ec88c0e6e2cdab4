//! A complete document is followed by the remains of another one.
//!
//! Two processes wrote the file at the same time, or one wrote a shorter text over a longer one: two containers
//! share one `auth_info`, or an old one had not stopped when the new one started. Run one owner only. Baileys
//! cannot read the file. Which of the two texts is the newer cannot be told, so a ratchet is dropped rather
//! than guessed.

use super::Torn;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("file_two_writers");

pub(crate) fn detect(torn: &Torn<'_>, at: usize) -> Finding {
    let rest = torn.text.len() - at;
    let evidence = format!("{rest} more bytes follow a complete document of {at}: two processes wrote here");
    Finding::error(CODE, &torn.entry.name, evidence)
        .repair(super::file_truncated::repair(torn.name))
        .peer(torn.name.peer())
}
