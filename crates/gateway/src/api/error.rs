//! What a caller is told when something is wrong. The only place that chooses status codes.
//!
//! The answer has WAHA's shape plus a stable `code` and, where there is one, a `hint`:
//! `{statusCode,error,message,code,hint}`. Messages never carry what the caller sent: that may be
//! a message text or a phone number, and error answers end up in other programs' logs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use wakeeper_delivery::webhook::DeliveryError;
use wakeeper_engine::bulk::BulkError;
use wakeeper_engine::care::CareError;
use wakeeper_engine::spool::SpoolError;
use wakeeper_engine::{
    AskError, CallError, ChannelsError, ConvertError, EngineError, FetchError, GroupsError, LabelError,
    LockError, MediaError, PairingError, SendError,
};
use wakeeper_model::{ChatKind, RowsFailure};
use wakeeper_waha::SessionStatus;

/// Stable name of what went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the body is not JSON.
    InvalidJson,
    /// 400: a field, a parameter or a header is missing, of the wrong type or not allowed.
    InvalidRequest,
    /// 401: `X-Api-Key` is missing or wrong.
    Unauthorized,
    /// 403: keys are off and the request did not address this machine by a loopback name.
    Forbidden,
    /// 403: WhatsApp lets this account not do that in the group: it is no member, or no admin where only admins may.
    GroupForbidden,
    /// 403: the API key is not good for this kind of request.
    ScopeNotAllowed,
    /// 403: the API key is for another session.
    SessionNotAllowed,
    /// 403: WhatsApp lets this account not do that with the channel: it does not own or follow it.
    ChannelForbidden,
    /// 404: no such path.
    NotFound,
    /// 404: no session of that name.
    SessionNotFound,
    /// 404: no such message in that chat.
    MessageNotFound,
    /// 404: no such group, or no group with that invite code.
    GroupNotFound,
    /// 404: no such label.
    LabelNotFound,
    /// 404: no such call rings.
    CallNotFound,
    /// 404: no such channel, or no channel with that invite code.
    ChannelNotFound,
    /// 404: no such media file, or WhatsApp no longer holds it.
    FileNotFound,
    /// 404: no such dead letter.
    DeadLetterNotFound,
    /// 404: no such bulk send.
    BulkNotFound,
    /// 404: no such API key.
    KeyNotFound,
    /// 404: no such incident.
    IncidentNotFound,
    /// 404: the session has no such backup.
    BackupNotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 422: a session of that name exists already.
    SessionExists,
    /// 409: the `Idempotency-Key` was used with another body.
    IdempotencyConflict,
    /// 409: something contradicts what is there, for example another process holds the session.
    Conflict,
    /// 413: the body is larger than `REQUEST_BODY_LIMIT`, or the media larger than WhatsApp takes.
    TooLarge,
    /// 415: the body is neither `application/json` nor, where a key is asked for, a form.
    UnsupportedMediaType,
    /// 422: the session is not in a state to do it; carries `session`, `status` and `expected`.
    WrongState,
    /// 422: the media at the given address could not be fetched.
    MediaUnavailable,
    /// 422: the file would have to be converted, and ffmpeg, which does that, is not installed.
    ConverterMissing,
    /// 422: ffmpeg could make nothing of the file, or not within its bounds.
    NotConverted,
    /// 422: WhatsApp refused the request, for example for an unknown recipient.
    Refused,
    /// 429: too much at once; carries `Retry-After`.
    RateLimited,
    /// 500: a fault of wakeeper; the log says more.
    Internal,
    /// 502: WhatsApp's servers failed at it.
    Upstream,
    /// 503: too much is under way in the whole gateway; carries `Retry-After`.
    Overloaded,
    /// 503: the gateway is shutting down; carries `Retry-After`.
    ShuttingDown,
    /// 503: a database cannot be written, for example because the disk is full. Nothing was stored and nothing was sent;
    /// carries `Retry-After`.
    StorageUnavailable,
    /// 504: WhatsApp did not answer in time. Repeat with the same `Idempotency-Key`.
    Timeout,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson | Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::GroupForbidden
            | Self::ChannelForbidden
            | Self::ScopeNotAllowed
            | Self::SessionNotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::SessionNotFound
            | Self::MessageNotFound
            | Self::GroupNotFound
            | Self::LabelNotFound
            | Self::CallNotFound
            | Self::ChannelNotFound
            | Self::FileNotFound
            | Self::DeadLetterNotFound
            | Self::BulkNotFound
            | Self::KeyNotFound
            | Self::IncidentNotFound
            | Self::BackupNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::IdempotencyConflict | Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SessionExists
            | Self::WrongState
            | Self::MediaUnavailable
            | Self::ConverterMissing
            | Self::NotConverted
            | Self::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::ShuttingDown | Self::StorageUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// The body of every error answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The HTTP status, again.
    #[schema(example = 404)]
    pub status_code: u16,
    /// The HTTP status in words.
    #[schema(example = "Not Found")]
    pub error: String,
    /// What is wrong, for people.
    #[schema(example = "There is no session of that name")]
    pub message: String,
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// With `wrong_state`: the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// With `wrong_state`: the state it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// With `wrong_state`: the states in which it would work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<String>>,
}

/// An error on its way to the caller.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Boxed, so that every result that may carry it stays small.
    body: Box<ErrorBody>,
    retry_after_s: Option<u64>,
}

impl ApiError {
    /// An error of that kind; `message` says what is wrong without quoting the request.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = code.status();
        let body = Box::new(ErrorBody {
            status_code: status.as_u16(),
            error: status.canonical_reason().unwrap_or("Error").to_owned(),
            message: message.into(),
            code,
            hint: None,
            session: None,
            status: None,
            expected: None,
        });
        Self { body, retry_after_s: None }
    }

    /// The message that a path or a request names is not stored.
    pub(super) fn message_not_found() -> Self {
        Self::new(
            ErrorCode::MessageNotFound,
            "There is no such message among those sent and received since this session was linked",
        )
        .hint("GET /api/{session}/chats/{chatId}/messages lists the messages of a chat")
    }

    /// A field, parameter or header that is not allowed.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Adds what the caller can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// The session is not in a state to do what was asked.
    #[must_use]
    pub fn wrong_state(session: &str, status: SessionStatus, expected: &[SessionStatus]) -> Self {
        let names: Vec<String> = expected.iter().map(ToString::to_string).collect();
        let message = format!("The session is {status}; this needs {}", names.join(" or "));
        let mut error = Self::new(ErrorCode::WrongState, message).hint(advice(status));
        error.body.session = Some(session.to_owned());
        error.body.status = Some(status.to_string());
        error.body.expected = Some(names);
        error
    }

    /// There is no session of that name.
    #[must_use]
    pub fn session_not_found() -> Self {
        Self::new(ErrorCode::SessionNotFound, "There is no session of that name")
            .hint("GET /api/sessions?all=true lists the sessions")
    }

    /// Too much is under way in the whole gateway.
    #[must_use]
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Overloaded, message).retry_after(5)
    }

    /// The gateway is going down.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(ErrorCode::ShuttingDown, "The gateway is shutting down").retry_after(5)
    }

    /// What is wrong, for people.
    pub(super) fn message(&self) -> &str {
        &self.body.message
    }

    /// Rows of another crate could not be read or written.
    pub(super) fn of_rows(error: &dyn std::fmt::Display, failure: Option<RowsFailure>) -> Self {
        rows(error, failure.unwrap_or(RowsFailure::Fault))
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.body.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.body.code.status(), Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        rows(&error, error.failure())
    }
}

impl From<SpoolError> for ApiError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full => Self::overloaded("Too many files are on their way at the same time")
                .hint("the setting TRANSFER_LIMIT sets how many bytes there may be"),
            SpoolError::Disk { .. } => internal(&error),
        }
    }
}

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

impl From<CareError> for ApiError {
    fn from(error: CareError) -> Self {
        let text = error.to_string();
        match error {
            CareError::Session(error) => error.into(),
            CareError::UnderWay(_) => Self::new(ErrorCode::Conflict, text).hint("try again when it is done"),
            CareError::NoSuchBackup => Self::new(ErrorCode::BackupNotFound, text)
                .hint("GET /api/sessions/{session}/backups lists the backups of the session"),
            CareError::Refused { reason, hint } => Self::new(ErrorCode::Conflict, reason).hint(hint),
            CareError::Failed(_) => internal(&text),
            CareError::None => Self::new(ErrorCode::Conflict, text).hint("start it with `wakeeper serve`"),
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

/// What gets a session out of a state that something needs another for.
pub(super) fn advice(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Stopped => "POST /api/sessions/{session}/start starts it",
        SessionStatus::ScanQrCode => "scan the code of GET /api/{session}/auth/qr with the phone",
        SessionStatus::Starting => "wait until it is connected; GET /api/sessions/{session} tells",
        SessionStatus::Failed => "its log says why; POST /api/sessions/{session}/restart tries again",
        _ => "GET /api/sessions/{session} tells its status",
    }
}

/// A file that could not be fetched from where it is.
fn unfetched(error: &FetchError, text: String) -> ApiError {
    let refused = ApiError::new(ErrorCode::MediaUnavailable, text);
    refused.hint(match error {
        FetchError::PrivateAddress => {
            "the setting MEDIA_FROM_PRIVATE_ADDRESSES=true allows it; or send the file as data, in base64"
        }
        FetchError::Malformed => "give the whole address, or send the file as data, in base64",
        _ => "look whether the gateway's machine can open the address; or send the file as data, in base64",
    })
}

/// WhatsApp failed at it, and may not the next time.
fn upstream(text: String) -> ApiError {
    ApiError::new(ErrorCode::Upstream, text).hint("try again, where it is a send with the same Idempotency-Key; GET /health tells whether WhatsApp is heard")
}

/// Only the owner of a session writes its rows.
fn elsewhere() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "The session belongs to another wakeeper, which alone can do that")
        .hint("its status says why; starting it again takes it back when the other one is gone")
}

/// Rows that could not be read or written.
fn rows(error: &dyn std::fmt::Display, failure: RowsFailure) -> ApiError {
    match failure {
        RowsFailure::Closed => ApiError::shutting_down(),
        RowsFailure::NotOwner => elsewhere(),
        RowsFailure::Damaged { row } => {
            tracing::error!(%error, "a request failed");
            ApiError::new(ErrorCode::Internal, row)
                .hint("the other rows can be read: in a list, pass it over with limit and offset")
        }
        // Nothing can be stored, so nothing is promised.
        RowsFailure::Disk { file, cause, advice } => {
            tracing::warn!(trouble = %error, "a request was refused");
            let message =
                format!("{file} cannot be written ({cause}); nothing was stored and nothing was sent");
            ApiError::new(ErrorCode::StorageUnavailable, message)
                .hint(format!(
                    "{advice}. Then repeat the request, with the same Idempotency-Key if it had one"
                ))
                .retry_after(5)
        }
        RowsFailure::Fault => internal(error),
    }
}

/// WhatsApp's way to say "slower": 429, and 463 for messages to strangers.
fn rejected(code: &str, text: String) -> ApiError {
    match code {
        "429" => ApiError::new(ErrorCode::RateLimited, text).retry_after(60),
        "463" => ApiError::new(ErrorCode::RateLimited, text)
            .retry_after(3_600)
            .hint("WhatsApp holds back messages of this account to people who never wrote to it; answers still go out"),
        _ => ApiError::new(ErrorCode::Refused, text),
    }
}

/// What went wrong inside is for the log; its paths and databases are not the caller's.
fn internal(error: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%error, "a request failed");
    ApiError::new(ErrorCode::Internal, "The gateway could not do it; its log says why")
}
