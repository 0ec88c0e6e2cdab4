//! Files made into what phones play, by ffmpeg.

use std::io::{self, Read};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::spool::{Reader, Spooled};
use wakeeper_engine::{Converted, Target};

use super::document::Failures;
use super::error::ApiError;
use super::extract::FileAsBody;
use super::media::{Base64File, FileField, wants_json};
use super::state::Api;

/// So much of a file is in memory while it is answered. A multiple of three, so that its pieces in base64 follow each other.
const PIECE: usize = 48 << 10;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(voice)).routes(routes!(video))
}

/// A sound to convert: one of `url` and `data`.
#[derive(Deserialize, ToSchema)]
#[schema(as = VoiceFileDTO)]
struct VoiceFile {
    /// Where to fetch it, `http` or `https`.
    url: Option<String>,
    /// The file in base64.
    data: Option<String>,
}

/// A video to convert: one of `url` and `data`.
#[derive(Deserialize, ToSchema)]
#[schema(as = VideoFileDTO)]
struct VideoFile {
    /// Where to fetch it, `http` or `https`.
    url: Option<String>,
    /// The file in base64.
    data: Option<String>,
}

/// Make a voice note of a sound
///
/// OGG with the Opus codec, one channel, as phones play it. Any format that ffmpeg reads and that holds everything in itself; needs ffmpeg.
#[utoipa::path(post, path = "/api/{session}/media/convert/voice", tag = "files", request_body = VoiceFile,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The voice note; in base64 with `Accept: application/json`", content(
        (Vec<u8> = "audio/ogg; codecs=opus"), (Base64File = "application/json"))), Failures))]
async fn voice(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    FileAsBody(VoiceFile { url, data }, sent): FileAsBody<VoiceFile>,
) -> Result<Response, ApiError> {
    convert(&api, &session, &headers, FileField::of(url, data), sent, Target::Voice).await
}

/// Make a video that phones play
///
/// MP4 with H.264 and AAC, at most 1280 pixels wide and high. Any format that ffmpeg reads and that holds everything in itself; needs
/// ffmpeg.
#[utoipa::path(post, path = "/api/{session}/media/convert/video", tag = "files", request_body = VideoFile,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The video; in base64 with `Accept: application/json`", content(
        (Vec<u8> = "video/mp4"), (Base64File = "application/json"))), Failures))]
async fn video(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    FileAsBody(VideoFile { url, data }, sent): FileAsBody<VideoFile>,
) -> Result<Response, ApiError> {
    convert(&api, &session, &headers, FileField::of(url, data), sent, Target::Video).await
}

async fn convert(
    api: &Api,
    session: &str,
    headers: &HeaderMap,
    file: FileField,
    sent: Option<Spooled>,
    target: Target,
) -> Result<Response, ApiError> {
    let (name, _) = api.session(session).await?;
    let Converted { file, mimetype } = api.sessions.convert(&name, file.check(sent)?, target).await?;
    let pieces = pieces(file.reader(0));
    if !wants_json(headers) {
        let length = [(header::CONTENT_LENGTH, file.length())];
        return Ok(([(header::CONTENT_TYPE, mimetype)], length, Body::from_stream(pieces)).into_response());
    }
    // The bytes of a [`Base64File`], without all of it in memory.
    let beginning = format!("{{\"mimetype\":\"{mimetype}\",\"data\":\"");
    let text = pieces.map(|piece| piece.map(|piece| Bytes::from(BASE64_STANDARD.encode(piece))));
    let whole =
        stream::iter([Ok(Bytes::from(beginning))]).chain(text).chain(stream::iter([Ok("\"}".into())]));
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(whole)).into_response())
}

/// The pieces of a file, all of the same length but for the last.
fn pieces(reader: Reader) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(reader, |reader| async {
        let read = tokio::task::spawn_blocking(move || {
            let (mut piece, mut reader) = (Vec::new(), reader);
            (&mut reader).take(PIECE as u64).read_to_end(&mut piece).map(|_| (piece, reader))
        });
        let (piece, reader) = read.await.map_err(io::Error::other)??;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), reader)))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::TryStreamExt;
    use wakeeper_engine::spool::Spool;

    use super::*;

    #[tokio::test]
    async fn pieces_in_base64_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2] {
            let content: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let mut draft = Spool::new(folder.path(), 1 << 20).begin();
            draft.write(&content).await.unwrap();
            let file = Arc::new(draft.finish().await.unwrap());
            let pieces: Vec<Bytes> = pieces(file.reader(0)).try_collect().await.unwrap();
            let text: String = pieces.iter().map(|piece| BASE64_STANDARD.encode(piece)).collect();
            assert!(text == BASE64_STANDARD.encode(&content), "{length}");
        }
    }
}
