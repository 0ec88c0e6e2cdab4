//! Calls: a simulated person rings somebody, answers, hangs up.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Body, ControlError};
use crate::phone::calls::CallStep;
use crate::simulator::Simulator;

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/sim/phones/{number}/calls", get(list))
        .route("/sim/phones/{number}/call", post(ring))
        .route("/sim/phones/{number}/call-step", post(step))
}

async fn list(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ControlError> {
    Ok(Json(json!({ "signals": simulator.phone(&number)?.calls() })))
}

/// Whom to ring.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ring {
    to: String,
    #[serde(default)]
    video: bool,
}

async fn ring(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(ring): Body<Ring>,
) -> Result<Json<Value>, ControlError> {
    let id = simulator.phone(&number)?.ring(&ring.to, ring.video)?;
    Ok(Json(json!({ "id": id })))
}

/// What to do with a call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    id: String,
    /// Of an own call: who was rung.
    #[serde(default)]
    to: String,
    #[serde(rename = "step")]
    taken: CallStep,
}

async fn step(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(step): Body<Step>,
) -> Result<Json<Value>, ControlError> {
    simulator.phone(&number)?.step(&step.id, &step.to, step.taken)?;
    Ok(Json(json!({ "sent": true })))
}
