//! Why something was not done with a channel.

use std::time::Duration;

use whatsapp_rust::IqError;

use super::query::Refusal;
use crate::media::picture::PictureError;
use crate::media::small::SmallFileError;
use crate::{ConvertError, FetchError};

/// Why something was not done with a channel. No variant carries a text or a key.
#[derive(Debug, thiserror::Error)]
pub enum ChannelsError {
    /// There is no such channel.
    #[error("WhatsApp knows no such channel: its id or invite code is wrong, or it was deleted")]
    NotFound,
    /// WhatsApp forbids it.
    #[error("WhatsApp does not let this account do that with the channel: it does not own or follow it")]
    Forbidden,
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The picture to set could not be fetched.
    #[error("cannot fetch the file: {0}")]
    Fetch(#[from] FetchError),
    /// The picture to set is larger than allowed.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The picture to set was not made into one that WhatsApp takes.
    #[error(transparent)]
    Convert(ConvertError),
    /// Too many requests.
    #[error("WhatsApp takes no more questions about channels from this account for now (code 429)")]
    TooMuch {
        /// When to try again, if WhatsApp says so.
        wait: Option<Duration>,
    },
    /// WhatsApp refused for another reason.
    #[error("WhatsApp refused it (code {code}){}", meaning(*.code))]
    Refused {
        /// WhatsApp's code.
        code: u16,
    },
    /// WhatsApp did not answer in time.
    #[error("WhatsApp did not answer in time; it is not known whether it was done")]
    Timeout,
    /// WhatsApp failed at it, or the connection broke.
    #[error("{0}")]
    Failed(&'static str),
}

fn meaning(code: u16) -> &'static str {
    match code {
        400 | 406 => ": it does not take such a value",
        _ => "",
    }
}

impl From<Refusal> for ChannelsError {
    fn from(Refusal { code, wait }: Refusal) -> Self {
        match code {
            404 | 410 => Self::NotFound,
            401 | 403 | 405 | 451 => Self::Forbidden,
            429 => Self::TooMuch { wait },
            500..=599 => Self::Failed("WhatsApp's servers failed at it"),
            code => Self::Refused { code },
        }
    }
}

impl From<IqError> for ChannelsError {
    fn from(error: IqError) -> Self {
        match error {
            IqError::Timeout => Self::Timeout,
            IqError::ServerError { code, backoff, .. } => {
                let wait = backoff.map(|seconds| Duration::from_secs(seconds.into()));
                Refusal { code, wait }.into()
            }
            IqError::ParseError(_) | IqError::UnexpectedResponseType { .. } => {
                Self::Failed("WhatsApp's answer could not be understood")
            }
            _ => Self::Failed("the connection to WhatsApp broke; it is not known whether it was done"),
        }
    }
}

impl From<PictureError> for ChannelsError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::File(SmallFileError::Fetch(error)) => Self::Fetch(error),
            PictureError::File(SmallFileError::TooLarge { limit }) => Self::TooLarge { limit },
            PictureError::File(SmallFileError::Unreadable) => {
                Self::Failed("the file cannot be read any more")
            }
            PictureError::Convert(error) => Self::Convert(error),
        }
    }
}
