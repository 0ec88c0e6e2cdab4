//! Errors of the control API: the only place that turns them into status codes.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::phone::PhoneError;
use crate::server::ServerError;
use crate::simulator::SimulatorError;

/// What a control request may be refused with.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The simulator or one of its parts refused.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The request's body is not what it should be.
    #[error("cannot read the request: {0}")]
    Body(String),
    /// A value of the request is not what it should be.
    #[error("{0}")]
    Value(&'static str),
    /// There is nothing under this path.
    #[error("there is nothing under this path")]
    NoSuchPath,
}

impl From<PhoneError> for ControlError {
    fn from(error: PhoneError) -> Self {
        Self::Simulator(error.into())
    }
}

impl ControlError {
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Value(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_value"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::Simulator(error) => simulator(error),
        }
    }
}

fn simulator(error: &SimulatorError) -> (StatusCode, &'static str) {
    match error {
        SimulatorError::UnknownPhone => (StatusCode::NOT_FOUND, "unknown_phone"),
        SimulatorError::NoStateFile => (StatusCode::CONFLICT, "no_state_file"),
        SimulatorError::Server(error) => server(error),
        SimulatorError::Phone(error) => phone(error),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    }
}

fn server(error: &ServerError) -> (StatusCode, &'static str) {
    match error {
        ServerError::AccountExists => (StatusCode::CONFLICT, "account_exists"),
        ServerError::MalformedNumber => (StatusCode::UNPROCESSABLE_ENTITY, "malformed_number"),
        ServerError::UnknownAccount => (StatusCode::NOT_FOUND, "unknown_account"),
        ServerError::UnknownDevice => (StatusCode::NOT_FOUND, "unknown_device"),
        ServerError::NotPairing => (StatusCode::CONFLICT, "not_pairing"),
        ServerError::TooManyDevices => (StatusCode::CONFLICT, "too_many_devices"),
        ServerError::StateFile(..) | ServerError::MissingKeys => {
            (StatusCode::INTERNAL_SERVER_ERROR, "failed")
        }
    }
}

fn phone(error: &PhoneError) -> (StatusCode, &'static str) {
    match error {
        PhoneError::Address => (StatusCode::UNPROCESSABLE_ENTITY, "malformed_address"),
        PhoneError::UnknownRecipient => (StatusCode::NOT_FOUND, "unknown_recipient"),
        PhoneError::UnknownGroup => (StatusCode::NOT_FOUND, "unknown_group"),
        PhoneError::UnknownMessage => (StatusCode::NOT_FOUND, "unknown_message"),
        PhoneError::NoMedia => (StatusCode::CONFLICT, "no_media"),
        PhoneError::MediaGone => (StatusCode::GONE, "media_gone"),
        PhoneError::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        PhoneError::Refused { .. } => (StatusCode::BAD_GATEWAY, "refused"),
        PhoneError::Offline => (StatusCode::SERVICE_UNAVAILABLE, "offline"),
        PhoneError::Qr(_) => (StatusCode::UNPROCESSABLE_ENTITY, "malformed_qr"),
        PhoneError::QrExpired => (StatusCode::GONE, "qr_expired"),
        PhoneError::QrForged => (StatusCode::CONFLICT, "qr_forged"),
        PhoneError::NoCode => (StatusCode::CONFLICT, "no_pairing_by_code"),
        PhoneError::PairCode(_) => (StatusCode::CONFLICT, "wrong_code"),
        PhoneError::Server(error) => server(error),
        PhoneError::Media(_) => (StatusCode::BAD_GATEWAY, "damaged_media"),
        PhoneError::Cipher(_) | PhoneError::Keys(_) | PhoneError::Store(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "failed")
        }
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        (status, Json(json!({ "error": code, "message": self.to_string() }))).into_response()
    }
}

/// A JSON body, whatever content type was declared; damaged ones are told about in JSON.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|error| ControlError::Body(error.body_text()))?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| ControlError::Body(error.to_string()))
    }
}
