//! The control API under `/sim`, with which tests and people play the phones and provoke faults.
//!
//! Requests and answers are JSON. Errors are `{"error": "<stable code>", "message": "<text>"}`.

mod calls;
mod error;
mod messages;
mod phones;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::error::{Body, ControlError};
use crate::faults::Fault;
use crate::simulator::Simulator;
use crate::wire;

/// The largest control request: a message with a file in base64.
const MAX_REQUEST: usize = 128 * 1024 * 1024;

/// Everything on the simulator's port.
pub(crate) fn router(simulator: &Simulator) -> Router {
    let sim = Router::new()
        .route("/sim/state", get(state))
        .route("/sim/save", post(save))
        .route("/sim/faults", post(fault).delete(clear_faults))
        .route("/sim/ca.pem", get(certificate))
        .route("/sim/rotate-identity", post(rotate))
        .route("/sim/groups", post(group))
        .merge(phones::router())
        .merge(messages::router())
        .merge(calls::router())
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(simulator.clone());
    Router::new()
        .route("/ws/chat", get(chat))
        .with_state(simulator.clone())
        .merge(sim)
        .merge(simulator.media().router())
        .fallback(async || ControlError::NoSuchPath)
}

async fn chat(State(simulator): State<Simulator>, request: WebSocketUpgrade) -> Response {
    wire::upgrade(request, simulator.server().clone(), Arc::clone(simulator.identity()))
}

async fn state(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.state())
}

async fn save(State(simulator): State<Simulator>) -> Result<Json<Value>, ControlError> {
    simulator.save()?;
    Ok(Json(json!({ "saved": true })))
}

async fn fault(
    State(simulator): State<Simulator>,
    Body(fault): Body<Fault>,
) -> Result<Json<Value>, ControlError> {
    simulator.set_fault(fault);
    Ok(Json(json!({ "armed": true })))
}

async fn clear_faults(State(simulator): State<Simulator>) -> Json<Value> {
    simulator.server().clear_faults();
    Json(json!({ "armed": false }))
}

async fn certificate(State(simulator): State<Simulator>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], simulator.certificate().to_owned()).into_response()
}

async fn rotate(State(simulator): State<Simulator>) -> Result<Json<Value>, ControlError> {
    simulator.rotate_identity()?;
    Ok(Json(json!({ "rotated": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    creator: String,
    subject: String,
    participants: Vec<String>,
}

async fn group(
    State(simulator): State<Simulator>,
    Body(new): Body<NewGroup>,
) -> Result<Json<Value>, ControlError> {
    let creator = simulator.phone(&new.creator)?;
    let id = creator.create_group(&new.subject, &new.participants).await?;
    Ok(Json(json!({ "id": id, "subject": new.subject })))
}

#[cfg(test)]
mod tests;
