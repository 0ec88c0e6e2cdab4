//! What a caller is told when something is wrong. The only place that chooses status codes.
//!
//! The answer has WAHA's shape plus a stable `code` and, where there is one, a `hint`:
//! `{statusCode,error,message,code,hint}`. Messages never carry what the caller sent: that may be
//! a message text or a phone number, and error answers end up in other programs' logs.

mod causes;
mod code;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use wakeeper_delivery::webhook::DeliveryError;
use wakeeper_engine::FetchError;
use wakeeper_engine::spool::SpoolError;
use wakeeper_model::RowsFailure;
use wakeeper_waha::SessionStatus;

pub use code::ErrorCode;

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
