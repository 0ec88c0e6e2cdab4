use std::fmt;
use std::sync::Arc;

use super::{MessagePosition, MessageRow};

/// The words of a message as people see it, to be found again. It must not wait for anything.
pub type WordsOf = Arc<dyn Fn(&MessageRow) -> String + Send + Sync>;

/// Which messages of a session hold some words.
#[derive(Clone, Default)]
pub struct SearchQuery {
    /// The words, as somebody typed them: a message has to hold all of them. One that ends in `*`, with three letters before
    /// it or more, stands for all that begin so.
    pub words: String,
    /// The chat, in every form it may be stored under. Empty means every chat of the session.
    pub chats: Vec<String>,
    /// Only those behind this one; the newest come first.
    pub after: Option<MessagePosition>,
    /// At most this many.
    pub limit: u32,
}

impl fmt::Debug for SearchQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchQuery").field("limit", &self.limit).finish_non_exhaustive()
    }
}
