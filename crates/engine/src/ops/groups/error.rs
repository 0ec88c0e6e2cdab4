//! Why something was not done with a group.

use std::time::Duration;

use whatsapp_rust::{GroupError, IqError, MexError};

use crate::media::picture::PictureError;
use crate::media::small::SmallFileError;
use crate::{ConvertError, FetchError};

/// Why something was not done with a group. No variant carries a text, a key or a full phone number.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// There is no such group.
    #[error("WhatsApp knows no such group")]
    NotFound,
    /// No group has this invite code.
    #[error("no group can be joined with this invite code: it is wrong, or it was replaced by another one")]
    NoInvite,
    /// WhatsApp forbids it.
    #[error(
        "WhatsApp does not let this account do that in the group: it is no member, or no admin where only admins may"
    )]
    Forbidden,
    /// Somebody else changed the group at the same time.
    #[error("the group was changed by somebody else at the same time")]
    Conflict,
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
    #[error("WhatsApp takes no more changes of groups from this account for now (code 429)")]
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

/// What WhatsApp's codes are known to mean: as WhatsApp Web has them for joining and for changes.
fn meaning(code: u16) -> &'static str {
    match code {
        400 | 406 => ": it does not take such a value",
        412 => ": the community is full",
        419 => ": the group is full",
        423 => ": the group is locked",
        436 => ": its invite links are switched off for now",
        _ => "",
    }
}

impl GroupsError {
    /// What an invite code's refusal means, where the code names no group that the account is in.
    pub(super) fn of_invite(error: GroupError) -> Self {
        match error.into() {
            Self::NotFound | Self::Refused { code: 400 | 406 | 410 } | Self::InvalidRequest(_) => {
                Self::NoInvite
            }
            error => error,
        }
    }
}

impl From<PictureError> for GroupsError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::File(SmallFileError::Fetch(error)) => Self::Fetch(error),
            PictureError::File(SmallFileError::TooLarge { limit }) => Self::TooLarge { limit },
            PictureError::Convert(error) => Self::Convert(error),
            PictureError::File(SmallFileError::Unreadable) => {
                Self::Failed("the file cannot be read any more")
            }
        }
    }
}

impl From<GroupError> for GroupsError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Iq(error) | GroupError::Mex(MexError::Request(error)) => error.into(),
            GroupError::DescriptionConflict => Self::Conflict,
            GroupError::InvalidRequest(_) => {
                Self::InvalidRequest("a LID whose phone number is not known, or an invite code that is none")
            }
            _ => Self::Failed("WhatsApp's answer could not be understood"),
        }
    }
}

impl From<IqError> for GroupsError {
    fn from(error: IqError) -> Self {
        match error {
            IqError::Timeout => Self::Timeout,
            IqError::ServerError { code, backoff, .. } => match code {
                404 => Self::NotFound,
                401 | 403 | 405 => Self::Forbidden,
                409 => Self::Conflict,
                429 => Self::TooMuch { wait: backoff.map(|seconds| Duration::from_secs(seconds.into())) },
                500..=599 => Self::Failed("WhatsApp's servers failed at it"),
                code => Self::Refused { code },
            },
            IqError::ParseError(_) | IqError::UnexpectedResponseType { .. } => {
                Self::Failed("WhatsApp's answer could not be understood")
            }
            _ => Self::Failed("the connection to WhatsApp broke; it is not known whether it was done"),
        }
    }
}
