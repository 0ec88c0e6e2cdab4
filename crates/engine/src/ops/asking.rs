//! Questions to WhatsApp that are answered at once or not at all.

use std::sync::Arc;
use std::time::Duration;

use wakeeper_model::{ChatId, SessionName};
use whatsapp_rust::{Client, IqError, Jid};

use crate::life::registry::Sessions;
use crate::media::picture::PictureError;
use crate::media::small::SmallFileError;
use crate::{ConvertError, EngineError, FetchError};

/// Why WhatsApp was not asked, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The session cannot ask.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// The picture to set could not be fetched.
    #[error("cannot fetch the file: {0}")]
    Fetch(FetchError),
    /// The picture to set is larger than allowed.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The picture to set was not made into one that WhatsApp takes.
    #[error(transparent)]
    Convert(ConvertError),
    /// WhatsApp takes no more of this for now.
    #[error("WhatsApp takes no more changes of this account for now (code 429)")]
    TooMuch {
        /// When to try again, if WhatsApp says so.
        wait: Option<Duration>,
    },
    /// WhatsApp refused.
    #[error("WhatsApp refused {what} (code {code})")]
    Refused {
        /// What.
        what: &'static str,
        /// WhatsApp's code.
        code: u16,
    },
    /// WhatsApp did not answer, or not in a way that is understood.
    #[error("WhatsApp gave no answer to it: {0}")]
    Unanswered(String),
}

impl AskError {
    /// What the client said, which names no person.
    pub(super) fn unanswered(what: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::debug!(%error, what, "a question to WhatsApp was not answered");
        Self::Unanswered(what.to_owned())
    }

    /// What WhatsApp's answer to a request means.
    pub(super) fn of_iq(what: &'static str, error: &IqError) -> Self {
        match error {
            IqError::ServerError { code: 429, backoff, .. } => {
                Self::TooMuch { wait: backoff.map(|seconds| Duration::from_secs(seconds.into())) }
            }
            IqError::ServerError { code: code @ 400..=499, .. } => Self::Refused { what, code: *code },
            error => Self::unanswered(what, error),
        }
    }
}

impl From<PictureError> for AskError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::File(SmallFileError::Fetch(error)) => Self::Fetch(error),
            PictureError::File(SmallFileError::TooLarge { limit }) => Self::TooLarge { limit },
            PictureError::Convert(error) => Self::Convert(error),
            PictureError::File(SmallFileError::Unreadable) => {
                Self::Unanswered("the file cannot be read any more".to_owned())
            }
        }
    }
}

impl Sessions {
    /// The client of a session that works.
    pub(super) async fn working(&self, name: &SessionName) -> Result<Arc<Client>, EngineError> {
        self.handle(name).await?.outbound.ready().await
    }
}

/// A chat as the wire names it.
pub(super) fn jid(chat: &ChatId) -> Result<Jid, AskError> {
    chat.to_wire().parse().map_err(|_| AskError::InvalidRequest("no such chat".to_owned()))
}
