//! The media host: keeps what clients upload, still encrypted, and gives it back.
//!
//! Clients insist on `https://<host>/mms/<type>/<token>` for uploads and `https://<host><direct
//! path>` (or the answered `url`) for downloads. Both work over plain HTTP here as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The largest upload that is taken.
const MAX_UPLOAD: usize = 256 * 1024 * 1024;

/// Where an uploaded file is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaLocation {
    /// Full address for clients that download by `url`.
    pub url: String,
    /// Path for clients that choose a host themselves.
    pub direct_path: String,
}

/// The files that were uploaded, by the hash of their (encrypted) content. Cheap to clone.
#[derive(Clone)]
pub struct MediaStore {
    shared: Arc<Shared>,
}

struct Shared {
    host: String,
    files: Mutex<HashMap<String, Bytes>>,
}

/// [`MediaStore`] as it is written to a state file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MediaState {
    files: Vec<String>,
}

impl MediaStore {
    /// An empty store that tells clients to find it at `host` (`host:port`).
    pub fn new(host: impl Into<String>) -> Self {
        Self { shared: Arc::new(Shared { host: host.into(), files: Mutex::default() }) }
    }

    /// Keeps a file. The same content has the same location.
    pub fn put(&self, folder: &str, file: Bytes) -> MediaLocation {
        let id = file_id(&file);
        self.files().insert(id.clone(), file);
        let direct_path = format!("/media/{folder}/{id}");
        MediaLocation { url: format!("https://{}{direct_path}", self.shared.host), direct_path }
    }

    /// A kept file by its direct path (or full address).
    pub fn get(&self, path: &str) -> Option<Bytes> {
        let path = path.split('?').next().unwrap_or(path);
        let id = path.rsplit('/').next().unwrap_or(path);
        self.files().get(id).cloned()
    }

    /// How many files are kept and how many bytes they have.
    pub fn usage(&self) -> (usize, usize) {
        let files = self.files();
        (files.len(), files.values().map(Bytes::len).sum())
    }

    /// The files as they are written to a state file.
    pub fn state(&self) -> MediaState {
        let mut files: Vec<_> = self
            .files()
            .values()
            .map(|file| base64::engine::general_purpose::STANDARD.encode(file))
            .collect();
        files.sort_unstable();
        MediaState { files }
    }

    /// Adds the files of a saved state. Entries that are not base64 are left out.
    pub fn restore(&self, state: &MediaState) {
        let mut files = self.files();
        for text in &state.files {
            if let Ok(file) = base64::engine::general_purpose::STANDARD.decode(text) {
                files.insert(file_id(&file), file.into());
            }
        }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The HTTP side: uploads under `/mms` and `/media/mms`, downloads under `/media`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/mms/{folder}/{token}", post(upload))
            .route("/media/mms/{folder}/{token}", post(upload))
            .route("/media/{folder}/{id}", get(download))
            .layer(DefaultBodyLimit::max(MAX_UPLOAD))
            .with_state(self.clone())
    }
}

fn file_id(file: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(file))
}

#[derive(Deserialize)]
struct UploadQuery {
    /// whatsapp-rust asks whether a large file is here already before it sends it.
    resume: Option<String>,
}

async fn upload(
    State(store): State<MediaStore>,
    Path((folder, token)): Path<(String, String)>,
    Query(query): Query<UploadQuery>,
    body: Bytes,
) -> Response {
    if query.resume.is_some() {
        // Any answer that is not `complete` makes the client send the file from its start.
        let known = store.get(&token).map(|file| store.put(&folder, file));
        return match known {
            Some(at) => axum::Json(json!({
                "resume": "complete", "url": at.url, "direct_path": at.direct_path
            }))
            .into_response(),
            None => axum::Json(json!({ "resume": "0" })).into_response(),
        };
    }
    if body.is_empty() {
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "empty upload" }))).into_response();
    }
    if token.trim_end_matches('=') != file_id(&body) {
        // The token is the hash of the encrypted file; anything else was damaged on its way.
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "hash mismatch" }))).into_response();
    }
    let at = store.put(&folder, body);
    axum::Json(json!({ "url": at.url, "direct_path": at.direct_path })).into_response()
}

async fn download(
    State(store): State<MediaStore>,
    Path((_folder, id)): Path<(String, String)>,
    headers: axum::http::HeaderMap,
) -> Response {
    let Some(file) = store.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
    match headers.get(header::RANGE).and_then(|value| value.to_str().ok()).map(|r| range(r, file.len())) {
        None => ([kind], file).into_response(),
        Some(Some((start, end))) => (
            StatusCode::PARTIAL_CONTENT,
            [kind, (header::CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, file.len()))],
            file.slice(start..end),
        )
            .into_response(),
        Some(None) => StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
    }
}

/// Reads `bytes=start-[end]`; the result is half open.
fn range(header: &str, length: usize) -> Option<(usize, usize)> {
    let (start, end) = header.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    let end = if end.is_empty() { length } else { end.parse::<usize>().ok()?.checked_add(1)?.min(length) };
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn call(store: &MediaStore, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let response = store.router().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn upload_then_download_by_the_answered_path() {
        let store = MediaStore::new("127.0.0.1:1");
        let token = file_id(b"sealed");
        let upload = Request::post(format!("/mms/image/{token}?auth=a&token={token}")).body("sealed".into());
        let (status, body) = call(&store, upload.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let path = answer["direct_path"].as_str().unwrap();
        assert_eq!(answer["url"], format!("https://127.0.0.1:1{path}"));
        let get = Request::get(format!("{path}?auth=a&token=b")).body(Body::empty());
        assert_eq!(call(&store, get.unwrap()).await, (StatusCode::OK, b"sealed".to_vec()));
        let part = Request::get(path).header("range", "bytes=2-3").body(Body::empty());
        assert_eq!(call(&store, part.unwrap()).await, (StatusCode::PARTIAL_CONTENT, b"al".to_vec()));
        let none = Request::get("/media/image/unknown").body(Body::empty());
        assert_eq!(call(&store, none.unwrap()).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn damaged_uploads_are_refused_and_resume_is_answered() {
        let store = MediaStore::new("127.0.0.1:1");
        let token = file_id(b"sealed");
        let damaged = Request::post(format!("/mms/image/{token}")).body("sealee".into());
        assert_eq!(call(&store, damaged.unwrap()).await.0, StatusCode::BAD_REQUEST);
        let resume = || Request::post(format!("/mms/image/{token}?resume=1")).body(Body::empty()).unwrap();
        assert!(String::from_utf8(call(&store, resume()).await.1).unwrap().contains("\"0\""));
        store.put("image", Bytes::from_static(b"sealed"));
        assert!(String::from_utf8(call(&store, resume()).await.1).unwrap().contains("complete"));
    }

    #[test]
    fn state_keeps_the_files() {
        let store = MediaStore::new("a");
        let at = store.put("video", Bytes::from_static(b"x"));
        let other = MediaStore::new("b");
        other.restore(&store.state());
        assert_eq!(other.get(&at.direct_path).as_deref(), Some(&b"x"[..]));
        assert_eq!(other.usage(), (1, 1));
    }
}
