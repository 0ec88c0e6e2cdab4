//! Bodies of the old app: JSON, forms, and forms with files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header;
use serde_json::{Map, Value};
use wakeeper_engine::{FileBody, MediaSource};

use super::{OldApp, Refusal};
use crate::api::error::ApiError;
use crate::api::extract::{self, Bodies};
use crate::api::pairs;

/// Most parts of a form with files.
const MOST_PARTS: usize = 100;
/// Longest texts of all parts together, in bytes.
const LONGEST_TEXTS: usize = 1 << 20;

/// The fields of a request: texts, lists of texts, files.
#[derive(Default)]
pub(super) struct Fields {
    values: Map<String, Value>,
    files: BTreeMap<String, FileBody>,
}

impl Fields {
    /// A text; one that is empty counts as left out.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.values.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A list of texts: an array, one text, or a text that is an array in JSON.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let texts = |items: &[Value]| {
            let text = |item: &Value| match item {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            items.iter().filter_map(text).collect()
        };
        match self.values.get(name) {
            Some(Value::Array(items)) => texts(items),
            Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
                Ok(Value::Array(items)) => texts(&items),
                _ => {
                    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
                }
            },
            Some(Value::Number(number)) => vec![number.to_string()],
            _ => Vec::new(),
        }
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A file that came with the request.
    pub(super) fn file(&mut self, name: &str) -> Option<FileBody> {
        self.files.remove(name)
    }
}

impl FromRequest<OldApp> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &OldApp) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "multipart/form-data" => multipart(request, app).await,
            "application/x-www-form-urlencoded" => {
                let text = extract::read_text(request).await?;
                let fields =
                    pairs::of_form(&text).map_err(|pairs::TooMany| ApiError::invalid("Too many fields"))?;
                Ok(Self { values: object(fields), files: BTreeMap::new() })
            }
            _ => {
                let text = extract::read_text(request).await?;
                let value: Value = serde_json::from_slice(&text)
                    .map_err(|_| Refusal::Wrong("the body is neither JSON nor a form".to_owned()))?;
                Ok(Self { values: object(value), files: BTreeMap::new() })
            }
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Files go to the disk while they come in.
async fn multipart(mut request: Request, app: &OldApp) -> Result<Fields, Refusal> {
    let bodies: Bodies = extract::bodies(&request)?;
    // Axum has a lower limit of its own; here all that is read counts.
    DefaultBodyLimit::disable().apply(&mut request);
    let unreadable = || Refusal::Wrong("the form cannot be read".to_owned());
    let mut form = Multipart::from_request(request, app).await.map_err(|_| unreadable())?;
    let (mut fields, mut left, mut texts_left) = (Fields::default(), bodies.limit(), LONGEST_TEXTS);
    for _ in 0..MOST_PARTS {
        let Some(mut part) = form.next_field().await.map_err(|_| unreadable())? else { return Ok(fields) };
        let name = part.name().unwrap_or_default().to_owned();
        let Some(filename) = part.file_name().map(str::to_owned) else {
            let mut text = Vec::new();
            while let Some(chunk) = part.chunk().await.map_err(|_| unreadable())? {
                texts_left = texts_left.checked_sub(chunk.len()).ok_or_else(extract::too_large)?;
                text.extend_from_slice(&chunk);
            }
            let text = String::from_utf8(text).map_err(|_| unreadable())?;
            fields.values.insert(name, Value::String(text));
            continue;
        };
        let mimetype =
            part.content_type().map(str::to_owned).filter(|kind| kind != "application/octet-stream");
        let mut draft = bodies.spool().begin();
        while let Some(chunk) = part.chunk().await.map_err(|_| unreadable())? {
            left = left.checked_sub(chunk.len()).ok_or_else(extract::too_large)?;
            draft.write(&chunk).await.map_err(ApiError::from)?;
        }
        let spooled = draft.finish().await.map_err(ApiError::from)?;
        if spooled.length() > 0 {
            let filename =
                filename.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).map(str::to_owned);
            let source = MediaSource::Spooled(Arc::new(spooled));
            fields.files.insert(name, FileBody { source, mimetype, filename });
        }
    }
    Err(Refusal::Wrong(format!("the form has more than {MOST_PARTS} parts")))
}
