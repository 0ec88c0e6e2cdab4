//! Stable names of what goes wrong, and the status of each.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

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
    /// 404: messages cannot be searched: the setting `MESSAGE_SEARCH` is off.
    SearchOff,
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
    /// 503: the words of stored messages are still being added, so a search would not find all; carries `Retry-After`.
    SearchNotReady,
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
            | Self::BackupNotFound
            | Self::SearchOff => StatusCode::NOT_FOUND,
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
            Self::Overloaded | Self::SearchNotReady | Self::ShuttingDown | Self::StorageUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}
