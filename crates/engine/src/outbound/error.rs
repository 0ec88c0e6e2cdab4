//! Why a message was not sent.

use wakeeper_model::ChatKind;
use wakeeper_storage::StorageError;

use crate::{ConvertError, EngineError, FetchError};

/// Why a message was not sent, or is not known to have been. No variant carries a message, a key or a full phone number.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The session cannot send.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// The session was linked to another phone number since the request was made.
    #[error("another phone number was linked in the session's place; nothing was sent from it")]
    OtherAccount,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyConflict,
    /// The id that the caller chose for the message is another message's.
    #[error("another own message has that id")]
    IdTaken,
    /// A send under this key ended for good.
    #[error("a send under this idempotency key failed: {reason}")]
    FailedBefore {
        /// Why it failed then.
        reason: String,
    },
    /// The message that it concerns is not known.
    #[error("the message is not known")]
    MessageNotFound,
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// The file to send could not be fetched.
    #[error("cannot fetch the file: {0}")]
    Fetch(#[from] FetchError),
    /// The file is larger than allowed.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file was not made into what WhatsApp's apps show.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The file could not be sent to WhatsApp's media servers.
    #[error("WhatsApp's media servers did not take the file")]
    Upload,
    /// There is no such group or channel, or the account cannot see it.
    #[error("WhatsApp knows no such {} as the one to send to", of(*.kind))]
    NoSuchChat {
        /// A group or a channel.
        kind: ChatKind,
    },
    /// The account may not send there.
    #[error("WhatsApp does not let this account send to that {}: it is not in it, or only admins may", of(*.kind))]
    MayNotSend {
        /// A group or a channel.
        kind: ChatKind,
    },
    /// WhatsApp refused the message.
    #[error("WhatsApp refused the message (code {code}){}", meaning(.code))]
    Rejected {
        /// WhatsApp's code, for example `463`.
        code: String,
    },
    /// The engine could not send it.
    #[error("the message could not be sent: {reason}")]
    Failed {
        /// Why, in general words.
        reason: &'static str,
    },
    /// WhatsApp did not acknowledge it in time. It will be sent when it can be; asking again under
    /// the same idempotency key waits for it.
    #[error("WhatsApp has not acknowledged the message yet")]
    Timeout {
        /// Its stanza id.
        message_id: String,
    },
}

impl From<StorageError> for SendError {
    fn from(error: StorageError) -> Self {
        Self::Session(error.into())
    }
}

impl SendError {
    /// What a refusal with this code means in a chat of this kind. Groups and channels can be unknown or forbidden (401 of a
    /// group that the account was never in, 403 of one that it left).
    pub(crate) fn refused(kind: ChatKind, code: &str) -> Self {
        match (kind, code) {
            (ChatKind::Group | ChatKind::Channel, "404" | "410") => Self::NoSuchChat { kind },
            (ChatKind::Group | ChatKind::Channel, "401" | "403" | "405") => Self::MayNotSend { kind },
            _ => Self::Rejected { code: code.to_owned() },
        }
    }
}

fn of(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Group => "group",
        ChatKind::Channel => "channel",
        _ => "chat",
    }
}

/// What WhatsApp's codes are known to mean.
fn meaning(code: &str) -> &'static str {
    match code {
        "404" => ": the number may not be on WhatsApp, or the chat is gone",
        "429" => ": too many messages in a short time; wait before the next one",
        "463" => ": WhatsApp lets this account write to no new contacts for now",
        _ => "",
    }
}
