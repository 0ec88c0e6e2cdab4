//! Reads requests strictly and says what is wrong with them without repeating what they held.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{BodyDataStream, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wakeeper_engine::spool::{Spool, Spooled};

use super::auth::API_KEY_HEADER;
use super::divert::Divert;
use super::error::{ApiError, ErrorCode};
use super::intake;
use super::media::Decoder;
use super::{pairs, strict};

/// Most bytes of a body that are kept in memory: everything but the file in it. Texts have at most
/// 65,536 characters, which JSON may write in 12 bytes each. Read as JSON, a body may take sixteen times its length.
const LONGEST_TEXT: usize = 1 << 20;
/// Most bytes of all bodies together that are kept in memory.
const ALL_TEXTS: usize = 32 << 20;
/// Memory is given out in pieces of so many bytes.
const PIECE: usize = 16 << 10;
/// How long a body waits for memory.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of a file's base64 text is collected before it is decoded.
const BASE64_PIECE: usize = 64 << 10;

/// What bodies may cost; every request carries it.
#[derive(Clone)]
pub(super) struct Bodies {
    /// Largest body in bytes.
    limit: usize,
    /// Are forms taken, too?
    forms: bool,
    texts: Arc<Semaphore>,
    spool: Spool,
}

impl Bodies {
    /// Largest body in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Where files go.
    pub(super) fn spool(&self) -> &Spool {
        &self.spool
    }

    pub(super) fn new(limit: usize, forms: bool, spool: Spool) -> Self {
        Self { limit, forms, texts: Arc::new(Semaphore::new(ALL_TEXTS / PIECE)), spool }
    }
}

/// A body in JSON, or a form. A field that is unknown, at any depth, is refused by its name; see [`super::strict`].
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let format = format(&request)?;
        format.read(&read(request).await?.text).map(Self)
    }
}

/// A JSON body that may be missing altogether.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let format = format(&request);
        let read = read(request).await?;
        if read.text.is_empty() {
            return Ok(Self(T::default()));
        }
        format?.read(&read.text).map(Self)
    }
}

/// A JSON body with a file: the bytes of `file.data`, decoded, lie on disk.
pub(super) struct BodyWithFile<T>(pub T, pub Option<Spooled>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for BodyWithFile<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let format = format(&request)?;
        if format == Format::Form {
            return format.read(&read(request).await?.text).map(|body| Self(body, None));
        }
        let (read, file) = read_with_file(request, Divert::default()).await?;
        format.read(&read.text).map(|body| Self(body, file))
    }
}

/// A JSON body that is a file: the bytes of its `data`, decoded, lie on disk.
pub(super) struct FileAsBody<T>(pub T, pub Option<Spooled>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for FileAsBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let format = format(&request)?;
        if format == Format::Form {
            return format.read(&read(request).await?.text).map(|body| Self(body, None));
        }
        let (read, file) = read_with_file(request, Divert::bare()).await?;
        format.read(&read.text).map(|body| Self(body, file))
    }
}

/// No body, or an empty object.
#[derive(Default, serde::Deserialize)]
pub(super) struct NoFields {}

/// The query string. A parameter that is unknown is refused by its name, an empty one counts as left out.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        // The key may stand there, too; it was checked before.
        let pairs = pairs::of_query(parts.uri.query().unwrap_or_default(), API_KEY_HEADER);
        strict::from_pairs(pairs.map_err(|pairs::TooMany| ApiError::invalid("Too many query parameters"))?)
            .map(Self)
    }
}

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Form,
}

impl Format {
    fn read<T: DeserializeOwned>(self, text: &[u8]) -> Result<T, ApiError> {
        match self {
            Self::Json => strict::from_slice(text),
            Self::Form => {
                let pairs = pairs::of_form(text);
                strict::from_pairs(pairs.map_err(|pairs::TooMany| ApiError::invalid("Too many fields"))?)
            }
        }
    }
}

/// Browsers send forms and plain text to any host without asking; JSON they ask about first. So where no key proves who
/// asks, insisting on the type keeps other web pages from driving a gateway on this machine.
fn format(request: &Request) -> Result<Format, ApiError> {
    let headers = request.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(Format::Json);
    }
    if essence == "application/x-www-form-urlencoded" && bodies(request)?.forms {
        return Ok(Format::Form);
    }
    let forms = bodies(request)?.forms;
    let message = if forms { "The body must be JSON or a form" } else { "The body must be JSON" };
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, message).hint(if forms {
        "send the header Content-Type: application/json, or application/x-www-form-urlencoded"
    } else {
        "send the header Content-Type: application/json; forms are read where API keys are on"
    }))
}

/// The text of a body, and the room in memory that it takes until it is dropped.
#[derive(Default)]
struct Read {
    text: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Read {
    async fn grow(&mut self, bodies: &Bodies) -> Result<(), ApiError> {
        if self.text.len() > LONGEST_TEXT {
            return Err(ApiError::new(ErrorCode::TooLarge, "The body is too large")
                .hint("only the file in it may have more than 1 MB"));
        }
        let needed = self.text.len() / PIECE;
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if needed <= held {
            return Ok(());
        }
        let more = Arc::clone(&bodies.texts).acquire_many_owned((needed - held) as u32);
        let Ok(Ok(more)) = tokio::time::timeout(PATIENCE, more).await else {
            return Err(ApiError::overloaded("Too many requests with large bodies are under way"));
        };
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        Ok(())
    }
}

pub(super) fn bodies(request: &Request) -> Result<Bodies, ApiError> {
    let bodies = request.extensions().get::<Bodies>().cloned();
    bodies.ok_or_else(|| ApiError::new(ErrorCode::Internal, "The gateway does not know its limits"))
}

/// The chunks of a body up to its limit.
struct Chunks {
    stream: BodyDataStream,
    left: usize,
}

impl Chunks {
    fn of(request: Request, limit: usize) -> Result<Self, ApiError> {
        let body = request.into_body();
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        Ok(Self { stream: body.into_data_stream(), left: limit })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let Some(chunk) = self.stream.next().await else { return Ok(None) };
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        self.left = self.left.checked_sub(chunk.len()).ok_or_else(too_large)?;
        Ok(Some(chunk))
    }
}

async fn read(request: Request) -> Result<Read, ApiError> {
    let bodies = bodies(&request)?;
    let mut chunks = Chunks::of(request, bodies.limit)?;
    let mut read = Read::default();
    while let Some(chunk) = chunks.next().await? {
        read.text.extend_from_slice(&chunk);
        read.grow(&bodies).await?;
    }
    Ok(read)
}

/// The text of a body, whatever it is.
pub(super) async fn read_text(request: Request) -> Result<Vec<u8>, ApiError> {
    Ok(read(request).await?.text)
}

/// Reads a body whose file goes to disk.
async fn read_with_file(request: Request, mut divert: Divert) -> Result<(Read, Option<Spooled>), ApiError> {
    let bodies = bodies(&request)?;
    let mut chunks = Chunks::of(request, bodies.limit)?;
    let mut read = Read::default();
    let (mut decoder, mut draft) = (Decoder::default(), bodies.spool.begin());
    while let Some(chunk) = chunks.next().await? {
        divert.feed(&chunk, &mut read.text, decoder.input());
        read.grow(&bodies).await?;
        if decoder.input().len() >= BASE64_PIECE {
            draft.write(&decoder.decode()?).await?;
        }
    }
    if !divert.taken() {
        return Ok((read, None));
    }
    draft.write(&decoder.finish()?).await?;
    Ok((read, Some(draft.finish().await?)))
}

fn unreadable(error: &axum::Error) -> ApiError {
    match intake::too_slow(error) {
        Some(slow) => ApiError::invalid(format!("The body came too slowly or stopped: {slow}")),
        None => ApiError::invalid("The body could not be read"),
    }
}

/// The body is larger than the setting allows.
pub(super) fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, "The body is too large")
        .hint("the setting REQUEST_BODY_LIMIT sets the limit; large files can be sent by url")
}
