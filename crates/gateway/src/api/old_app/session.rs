//! How the session is, and its restart, as that app's patch named them.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use wakeeper_waha::SessionStatus;

use super::{OldApp, Refusal};
use crate::api::error::ApiError;

/// `GET /session-health`. What that app told by whether files exist is told by evidence here: the status, and when messages last
/// failed.
pub(super) async fn health(State(app): State<OldApp>) -> Result<Json<Value>, Refusal> {
    let name = super::session()?;
    let all = app.api.sessions.health().await;
    let session = all.sessions.into_iter().find(|session| session.name == name);
    let session = session.ok_or_else(ApiError::session_not_found)?;
    let works = session.status == SessionStatus::Working && session.disk.is_none() && all.storage;
    let folder = app.config.auth_info.join("sessions").join(name.as_str());
    let files = std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let store = std::fs::metadata(&app.config.store).ok();
    let advice = match session.status {
        SessionStatus::Working if works => Vec::new(),
        SessionStatus::Working => vec!["The disk cannot be written: GET /health says more"],
        SessionStatus::ScanQrCode => vec!["Scan the QR code"],
        SessionStatus::Starting => vec!["Wait until it is connected"],
        _ => vec!["POST /session-cleanup restarts it"],
    };
    Ok(Json(json!({
        "health": {
            "authDir": {"exists": is_folder(&folder), "files": files, "healthy": works},
            "baileysStore": {
                "exists": store.is_some(), "size": store.map_or(0, |file| file.len()), "healthy": true,
            },
            "overall": works,
            "status": session.status,
        },
        "stats": {
            "lastErrorTime": session.last_undecryptable,
            "connectionEnds": session.connection_ends,
        },
        "recommendations": advice,
    })))
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.is_dir())
}

/// `POST /session-cleanup`. That app deleted the login and asked for a new QR code; here the session is restarted and keeps it.
pub(super) async fn cleanup(State(app): State<OldApp>) -> Result<Json<Value>, Refusal> {
    app.api.sessions.restart(&super::session()?).await.map_err(ApiError::from)?;
    Ok(Json(
        json!({"success": true, "message": "The session was restarted. Its login was kept: no new QR code is needed"}),
    ))
}
