//! Texts that callers keep here by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use wakeeper_private_fs::{Folder, FsError, read_own};

use super::body::Fields;
use super::{OldApp, Refusal};
use crate::api::error::{ApiError, ErrorCode};

/// Most templates, and the longest file of them.
const MOST: usize = 1_000;
const LARGEST_FILE: u64 = 4 << 20;

/// The name of their file.
const FILE: &str = "templates.json";

/// The file of templates, in the folder of the sessions.
#[derive(Clone)]
pub(super) struct Templates {
    folder: PathBuf,
    /// One change at a time.
    writing: Arc<Mutex<()>>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Template {
    name: String,
    message: String,
    numbers: Vec<String>,
}

impl Templates {
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, writing: Arc::default() }
    }

    fn read(&self) -> Result<BTreeMap<String, Template>, ApiError> {
        let broken = |what: &dyn std::fmt::Display| {
            tracing::error!(folder = %self.folder.display(), "{FILE} cannot be read: {what}");
            ApiError::new(ErrorCode::Internal, "The templates cannot be read; the log says why")
        };
        let text = match read_own(&self.folder.join(FILE), LARGEST_FILE) {
            Ok(text) => text,
            Err(FsError::Missing) => return Ok(BTreeMap::new()),
            Err(error) => return Err(broken(&error)),
        };
        let all: Vec<Template> = serde_json::from_slice(&text).map_err(|error| broken(&error))?;
        Ok(all.into_iter().map(|template| (template.name.clone(), template)).collect())
    }

    fn write(&self, all: &BTreeMap<String, Template>) -> Result<(), ApiError> {
        let all: Vec<&Template> = all.values().collect();
        let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
        if text.len() as u64 > LARGEST_FILE {
            return Err(ApiError::new(ErrorCode::TooLarge, "The templates take too much together")
                .hint("delete some with DELETE /templates/NAME"));
        }
        let written = Folder::named(&self.folder).and_then(|folder| folder.replace(FILE, &text));
        written.map_err(|error| {
            tracing::error!(folder = %self.folder.display(), %error, "{FILE} cannot be written");
            ApiError::new(
                ErrorCode::StorageUnavailable,
                "The templates cannot be written; nothing was changed",
            )
        })
    }
}

/// `GET /templates`.
pub(super) async fn list(State(app): State<OldApp>) -> Result<Json<Vec<Template>>, Refusal> {
    Ok(Json(app.templates.read()?.into_values().collect()))
}

/// `POST /templates`: `name`, `message`, `numbers`.
pub(super) async fn put(
    State(app): State<OldApp>,
    fields: Fields,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let (Some(name), Some(message)) = (fields.text("name"), fields.text("message")) else {
        return Err(Refusal::Fields(vec![("name", "is needed"), ("message", "is needed")]));
    };
    let _writing = app.templates.writing.lock().await;
    let mut all = app.templates.read()?;
    if all.len() >= MOST && !all.contains_key(&name) {
        return Err(Refusal::Wrong(format!("there are {MOST} templates already")));
    }
    let template = Template { name: name.clone(), message, numbers: fields.list("numbers") };
    all.insert(name, template);
    app.templates.write(&all)?;
    Ok((StatusCode::CREATED, Json(json!({"status": true, "message": "Template saved"}))))
}

/// `DELETE /templates/{name}`.
pub(super) async fn remove(
    State(app): State<OldApp>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let _writing = app.templates.writing.lock().await;
    let mut all = app.templates.read()?;
    if all.remove(&name).is_none() {
        return Ok((StatusCode::NOT_FOUND, Json(json!({"message": "Template not found"}))));
    }
    app.templates.write(&all)?;
    Ok((StatusCode::OK, Json(json!({"message": "Template deleted"}))))
}
