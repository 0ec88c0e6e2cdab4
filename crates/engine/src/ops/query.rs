//! Questions to the message store.

use wakeeper_model::Ack;
use wakeeper_storage::{MessageOrder, MessagePosition};
use wakeeper_waha::Message;

/// Whether files are fetched, so that the `media.url` of an answer serves at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Download {
    /// None.
    #[default]
    Nothing,
    /// Every one.
    All,
    /// Those of these types, told by their beginnings: `image/png`, or `image/` for every picture.
    Of(Vec<String>),
}

impl Download {
    /// Is a file of this type fetched?
    pub(crate) fn wants(&self, mimetype: Option<&str>) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Of(types) => {
                let mimetype = mimetype.unwrap_or_default().to_ascii_lowercase();
                types.iter().any(|wanted| mimetype.starts_with(&wanted.trim().to_ascii_lowercase()))
            }
        }
    }
}

/// Which messages of a chat, or of all chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageQuery {
    /// In which order.
    pub order: MessageOrder,
    /// Only those behind this one, in that order.
    pub after: Option<MessagePosition>,
    /// At most so many.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
    /// Not older than this, in seconds since 1970.
    pub since: Option<i64>,
    /// Not newer than this, in seconds since 1970.
    pub until: Option<i64>,
    /// Only own messages, or only others'.
    pub from_me: Option<bool>,
    /// Only those that got exactly so far.
    pub ack: Option<Ack>,
    /// Those under the chat's other addresses, too.
    pub merge: bool,
    /// Which files are fetched.
    pub download: Download,
}

impl Default for MessageQuery {
    fn default() -> Self {
        Self {
            order: MessageOrder::NewestFirst,
            after: None,
            limit: 10,
            offset: 0,
            since: None,
            until: None,
            from_me: None,
            ack: None,
            merge: true,
            download: Download::Nothing,
        }
    }
}

/// What messages are searched for.
#[derive(Clone)]
pub struct SearchQuery {
    /// The words, as somebody typed them.
    pub words: String,
    /// Only those behind this one.
    pub after: Option<MessagePosition>,
    /// At most so many.
    pub limit: u32,
}

/// Messages as callers see them, and where the list goes on.
#[derive(Clone, Debug)]
pub struct MessageList {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where the last one stands, when there are more behind it.
    pub next: Option<MessagePosition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_by_the_beginning_of_their_type() {
        let of = Download::Of(vec!["image/png".to_owned(), "Audio/".to_owned()]);
        for (mimetype, wanted) in [
            (Some("image/png"), true),
            (Some("audio/ogg; codecs=opus"), true),
            (Some("image/jpeg"), false),
            (None, false),
        ] {
            assert_eq!(of.wants(mimetype), wanted, "{mimetype:?}");
            assert!(Download::All.wants(mimetype) && !Download::Nothing.wants(mimetype));
        }
    }
}
