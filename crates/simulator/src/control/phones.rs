//! Phones: making them, linking and unlinking devices.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Body, ControlError};
use crate::phone::{Past, Phone};
use crate::server::Passkey;
use crate::simulator::{Simulator, SimulatorError};

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/sim/phones", get(list).post(create))
        .route("/sim/phones/{number}", get(show))
        .route("/sim/phones/{number}/scan", post(scan))
        .route("/sim/phones/{number}/confirm-code", post(confirm_code))
        .route("/sim/phones/{number}/passkey", get(passkey_code).post(set_passkey))
        .route("/sim/phones/{number}/history", post(history))
        .route("/sim/phones/{number}/devices/{device}/history", post(history_of))
        .route("/sim/phones/{number}/devices/{device}/logout", post(log_out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPhone {
    number: String,
    #[serde(default)]
    name: Option<String>,
}

async fn create(
    State(simulator): State<Simulator>,
    Body(new): Body<NewPhone>,
) -> Result<(StatusCode, Json<Value>), ControlError> {
    let number = new.number.trim_start_matches('+');
    let name = new.name.unwrap_or_else(|| format!("Phone {}", &number[number.len().saturating_sub(4)..]));
    let phone = simulator.create_phone(number, &name)?;
    Ok((StatusCode::CREATED, Json(describe(&simulator, &phone))))
}

async fn list(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.phones().iter().map(|phone| describe(&simulator, phone)).collect())
}

async fn show(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    Ok(Json(describe(&simulator, &phone)))
}

fn describe(simulator: &Simulator, phone: &Phone) -> Value {
    let account = phone.account();
    let mut description = phone.report();
    description["jid"] = format!("{}@{}", account.number, crate::jid::PHONE_SERVER).into();
    let devices = simulator.server().devices(&account.number).unwrap_or_default();
    description["devices"] = serde_json::to_value(devices).unwrap_or_default();
    description
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    qr: String,
}

async fn scan(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(scan): Body<Scan>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    if simulator.server().needs_passkey(&number) {
        phone.scan_for_passkey(&scan.qr)?;
        return Ok(Json(json!({ "passkey": true })));
    }
    let device = phone.scan(&scan.qr).await?;
    Ok(Json(json!({ "device": device })))
}

/// A passkey: its id and its public key, an uncompressed point of P-256; both base64url without padding.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    id: String,
    public_key: String,
}

async fn set_passkey(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(new): Body<NewPasskey>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|_| ControlError::Value("id and public_key are base64url"))
    };
    let passkey = Passkey { credential: bytes(&new.id)?, public_key: bytes(&new.public_key)? };
    simulator.server().set_passkey(&phone.account().number, passkey).map_err(SimulatorError::from)?;
    Ok(Json(json!({ "passkey": true })))
}

/// The code that the phone shows.
async fn passkey_code(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ControlError> {
    Ok(Json(json!({ "code": simulator.phone(&number)?.passkey_code() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

async fn confirm_code(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(code): Body<Code>,
) -> Result<Json<Value>, ControlError> {
    let device = simulator.phone(&number)?.confirm_code(&code.code).await?;
    Ok(Json(json!({ "device": device })))
}

async fn log_out(
    State(simulator): State<Simulator>,
    Path((number, device)): Path<(String, u16)>,
) -> Result<Json<Value>, ControlError> {
    simulator.phone(&number)?.log_out(device)?;
    Ok(Json(json!({ "device": device, "linked": false })))
}

/// Devices that are linked from now on are given this past.
async fn history(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(past): Body<Past>,
) -> Result<Json<Value>, ControlError> {
    simulator.phone(&number)?.set_past(bearable(past)?);
    Ok(Json(json!({ "chats": past.chats, "messages": past.messages })))
}

/// A linked device is given this past now.
async fn history_of(
    State(simulator): State<Simulator>,
    Path((number, device)): Path<(String, u16)>,
    Body(past): Body<Past>,
) -> Result<Json<Value>, ControlError> {
    let parts = simulator.phone(&number)?.share_past(device, bearable(past)?).await?;
    Ok(Json(json!({ "parts": parts })))
}

fn bearable(past: Past) -> Result<Past, ControlError> {
    if past.is_bearable() { Ok(past) } else { Err(ControlError::Value("that is too much of a past")) }
}
