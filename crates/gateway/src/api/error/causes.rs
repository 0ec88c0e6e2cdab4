//! What went wrong elsewhere, as callers are told it.

use wakeeper_engine::bulk::BulkError;
use wakeeper_engine::care::CareError;
use wakeeper_engine::{
    AskError, CallError, ChannelsError, ConvertError, EngineError, FetchError, GroupsError, LabelError,
    LockError, MediaError, PairingError, SearchError, SendError,
};
use wakeeper_model::ChatKind;

use super::{ApiError, ErrorCode, elsewhere, internal, rejected, rows, unfetched, upstream};

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::UnknownSession(_) | EngineError::Gone(_) => Self::session_not_found(),
            EngineError::NotOwner(_) => elsewhere(),
            EngineError::SessionExists(_) => {
                Self::new(ErrorCode::SessionExists, "There is a session of that name already")
                    .hint("PUT /api/sessions/{session} changes it")
            }
            EngineError::NotReady { session, status, expected } => {
                Self::wrong_state(session.as_str(), status, &expected)
            }
            EngineError::ShuttingDown => Self::shutting_down(),
            EngineError::Busy(_) => {
                Self::new(ErrorCode::RateLimited, "Too much is under way in this session").retry_after(1)
            }
            EngineError::InvalidRequest(reason) => Self::invalid(reason),
            EngineError::Lock(LockError::Held { .. })
            | EngineError::Moved { .. }
            | EngineError::Proxy { .. }
            | EngineError::ImportUnfinished { .. }
            | EngineError::LoginLost { .. } => Self::new(ErrorCode::Conflict, text),
            EngineError::Storage(error) => rows(&error, error.failure()),
            EngineError::Disk { trouble } => rows(&trouble, trouble.failure()),
            EngineError::Lock(LockError::File { .. })
            | EngineError::Endpoint(_)
            | EngineError::Rows { .. }
            | EngineError::Folder { .. }
            | EngineError::FirstStart { .. }
            | EngineError::EngineDatabase { .. }
            | EngineError::Requests { .. }
            | EngineError::SecondName { .. }
            | EngineError::Generation { .. } => internal(&error),
        }
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        let text = error.to_string();
        match error {
            SendError::Session(error) => error.into(),
            SendError::OtherAccount => Self::new(
                ErrorCode::Conflict,
                "Another phone number was linked in the session's place; nothing was sent from it",
            )
            .hint(
                "look at the session's me; to send from that number, send again with a new Idempotency-Key",
            ),
            SendError::IdempotencyConflict => {
                Self::new(ErrorCode::IdempotencyConflict, "The Idempotency-Key was used for another request")
                    .hint("use a new key for every message")
            }
            SendError::IdTaken => Self::new(ErrorCode::Conflict, "id: another message of this session has it")
                .hint("leave id out, or ask GET /api/{session}/new-message-id for one; an Idempotency-Key sends once"),
            SendError::FailedBefore { reason } => {
                Self::new(ErrorCode::Refused, format!("The send under this Idempotency-Key failed: {reason}"))
                    .hint("use a new key to try again")
            }
            SendError::MessageNotFound => Self::message_not_found(),
            SendError::InvalidRequest(reason) => Self::invalid(reason),
            SendError::Fetch(FetchError::Spool(error)) => error.into(),
            SendError::Fetch(error) => unfetched(&error, text),
            SendError::Convert(error) => error.into(),
            SendError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, text),
            SendError::Upload | SendError::Failed { .. } => upstream(text),
            SendError::NoSuchChat { kind: ChatKind::Channel } => Self::new(ErrorCode::ChannelNotFound, text)
                .hint("GET /api/{session}/channels lists the channels of the session"),
            SendError::NoSuchChat { .. } => Self::new(ErrorCode::GroupNotFound, text)
                .hint("GET /api/{session}/groups lists the groups of the session"),
            SendError::MayNotSend { kind: ChatKind::Channel } => Self::new(ErrorCode::ChannelForbidden, text)
                .hint("GET /api/{session}/channels?role=OWNER lists the channels in which the account may post"),
            SendError::MayNotSend { .. } => Self::new(ErrorCode::GroupForbidden, text)
                .hint("GET /api/{session}/groups lists the groups of the session"),
            SendError::Rejected { code } => rejected(&code, text),
            SendError::Timeout { .. } => Self::new(ErrorCode::Timeout, text)
                .hint("repeat the request with the same Idempotency-Key to wait for it"),
        }
    }
}

impl From<ConvertError> for ApiError {
    fn from(error: ConvertError) -> Self {
        let text = error.to_string();
        match error {
            ConvertError::Missing => Self::new(ErrorCode::ConverterMissing, text).hint(
                "install ffmpeg or name it in the setting FFMPEG; voice notes in audio/ogg with Opus, videos in video/mp4, \
                 stickers in WebP and pictures in JPEG need no converting",
            ),
            ConvertError::Unreadable(_) | ConvertError::TooLong(_) => {
                Self::new(ErrorCode::NotConverted, text)
            }
            ConvertError::TooLarge(_) => Self::new(ErrorCode::TooLarge, text),
            ConvertError::Busy => Self::overloaded(text),
            ConvertError::NotRun(_) => internal(&error),
            ConvertError::Spool(error) => error.into(),
        }
    }
}

impl From<CareError> for ApiError {
    fn from(error: CareError) -> Self {
        let text = error.to_string();
        match error {
            CareError::Session(error) => error.into(),
            CareError::UnderWay(_) => Self::new(ErrorCode::Conflict, text).hint("try again when it is done"),
            CareError::NoSuchBackup => Self::new(ErrorCode::BackupNotFound, text)
                .hint("GET /api/sessions/{session}/backups lists the backups of the session"),
            CareError::Refused { reason, hint } => Self::new(ErrorCode::Conflict, reason).hint(hint),
            CareError::Failed(_) => {
                tracing::error!(error = %text, "work on a session's stored state failed");
                Self::new(ErrorCode::Internal, format!("It failed: {text}"))
                    .hint("a session that ran was started again; the gateway's log says more")
            }
            CareError::None => Self::new(ErrorCode::Conflict, text).hint("start it with `wakeeper serve`"),
        }
    }
}

impl From<BulkError> for ApiError {
    fn from(error: BulkError) -> Self {
        let text = error.to_string();
        match error {
            BulkError::Session(error) => error.into(),
            BulkError::NotFound => Self::new(ErrorCode::BulkNotFound, "There is no such bulk send")
                .hint("GET /api/{session}/bulk lists those of the session"),
            BulkError::IdempotencyConflict => SendError::IdempotencyConflict.into(),
            BulkError::TooMany => Self::new(ErrorCode::Conflict, text)
                .hint("wait until some are done, or cancel some with POST /api/{session}/bulk/{id}/cancel"),
            BulkError::Ended(_) => {
                Self::new(ErrorCode::Conflict, text).hint("begin another one with POST /api/{session}/bulk")
            }
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        let text = error.to_string();
        match error {
            AskError::Session(error) => error.into(),
            AskError::InvalidRequest(reason) => Self::invalid(reason),
            AskError::Fetch(FetchError::Spool(error)) => error.into(),
            AskError::Fetch(error) => unfetched(&error, text),
            AskError::Convert(error) => error.into(),
            AskError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, text),
            AskError::TooMuch { wait } => {
                Self::new(ErrorCode::RateLimited, text).retry_after(wait.map_or(60, |wait| wait.as_secs()))
            }
            AskError::Refused { .. } => Self::new(ErrorCode::Refused, text),
            AskError::Unanswered(_) => upstream(text),
        }
    }
}

impl From<LabelError> for ApiError {
    fn from(error: LabelError) -> Self {
        match error {
            LabelError::NotFound => Self::new(ErrorCode::LabelNotFound, "There is no such label")
                .hint("GET /api/{session}/labels lists the labels of the session"),
            LabelError::TooMany | LabelError::Full => {
                Self::new(ErrorCode::Refused, error.to_string()).hint("delete one that is not needed")
            }
            LabelError::TooManyChats => Self::new(ErrorCode::Refused, error.to_string())
                .hint("take labels off chats that do not need them"),
            LabelError::NoLabels => Self::invalid(error.to_string()),
            LabelError::Ask(error) => error.into(),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::new(ErrorCode::CallNotFound, error.to_string())
                .hint("take from and id of the event call.received while it rings"),
            CallError::Ask(error) => error.into(),
        }
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        let text = error.to_string();
        match error {
            MediaError::Session(error) => error.into(),
            MediaError::NoFile => Self::new(ErrorCode::FileNotFound, "There is no such file"),
            MediaError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, text),
            MediaError::Download => upstream(text),
        }
    }
}

impl From<PairingError> for ApiError {
    fn from(error: PairingError) -> Self {
        let text = error.to_string();
        match error {
            PairingError::Session(error) => error.into(),
            PairingError::Refused { retry_after: Some(wait), .. } => {
                Self::new(ErrorCode::RateLimited, text).retry_after(wait.as_secs())
            }
            PairingError::Refused { retry_after: None, .. } => Self::new(ErrorCode::Refused, text),
            PairingError::Passkey { .. } => Self::new(ErrorCode::Refused, text)
                .hint("read the challenge anew; the passkey must sign for https://web.whatsapp.com"),
        }
    }
}

impl From<GroupsError> for ApiError {
    fn from(error: GroupsError) -> Self {
        let text = error.to_string();
        match error {
            GroupsError::NotFound => Self::new(ErrorCode::GroupNotFound, text)
                .hint("GET /api/{session}/groups lists the groups of the session"),
            GroupsError::NoInvite => Self::new(ErrorCode::GroupNotFound, text)
                .hint("ask an admin of the group for its invite link"),
            GroupsError::Forbidden => Self::new(ErrorCode::GroupForbidden, text)
                .hint("GET /api/{session}/groups/{id}/participants/v2 tells who is an admin"),
            GroupsError::Conflict => Self::new(ErrorCode::Conflict, text).hint("try again"),
            GroupsError::InvalidRequest(reason) => Self::invalid(reason),
            GroupsError::Fetch(FetchError::Spool(error)) => error.into(),
            GroupsError::Fetch(error) => unfetched(&error, text),
            GroupsError::Convert(error) => error.into(),
            GroupsError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, text),
            GroupsError::TooMuch { wait } => {
                Self::new(ErrorCode::RateLimited, text).retry_after(wait.map_or(60, |wait| wait.as_secs()))
            }
            GroupsError::Refused { .. } => Self::new(ErrorCode::Refused, text),
            GroupsError::Timeout => {
                Self::new(ErrorCode::Timeout, text).hint("look at the group before trying again")
            }
            GroupsError::Failed(_) => upstream(text),
        }
    }
}

impl From<ChannelsError> for ApiError {
    fn from(error: ChannelsError) -> Self {
        let text = error.to_string();
        match error {
            ChannelsError::NotFound => Self::new(ErrorCode::ChannelNotFound, text)
                .hint("POST /api/{session}/channels/search/by-text finds channels"),
            ChannelsError::Forbidden => Self::new(ErrorCode::ChannelForbidden, text)
                .hint("GET /api/{session}/channels tells what the account is in its channels"),
            ChannelsError::InvalidRequest(reason) => Self::invalid(reason),
            ChannelsError::Fetch(FetchError::Spool(error)) => error.into(),
            ChannelsError::Fetch(error) => unfetched(&error, text),
            ChannelsError::Convert(error) => error.into(),
            ChannelsError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, text),
            ChannelsError::TooMuch { wait } => {
                Self::new(ErrorCode::RateLimited, text).retry_after(wait.map_or(60, |wait| wait.as_secs()))
            }
            ChannelsError::Refused { .. } => Self::new(ErrorCode::Refused, text),
            ChannelsError::Timeout => {
                Self::new(ErrorCode::Timeout, text).hint("look at the channel before trying again")
            }
            ChannelsError::Failed(_) => upstream(text),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        let text = error.to_string();
        match error {
            SearchError::Off => Self::new(ErrorCode::SearchOff, "Messages cannot be searched").hint(
                "the setting MESSAGE_SEARCH=true lets them be searched, those that are stored already too",
            ),
            SearchError::NotReady { lacking } => Self::new(ErrorCode::SearchNotReady, text)
                .hint("try again: some thousand are added each second")
                .retry_after((lacking / 2_000).clamp(1, 600)),
            SearchError::Session(error) => error.into(),
        }
    }
}
