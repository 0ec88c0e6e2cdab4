//! Files in requests: by URL or as base64.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_engine::spool::Spooled;
use wakeeper_engine::{FileBody, MediaSource};

use super::error::ApiError;

/// Senders do not agree on the `=` at the end, so both ways are read.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file inside JSON.
#[derive(Serialize, ToSchema)]
pub(super) struct Base64File {
    /// For example `image/png`.
    pub(super) mimetype: String,
    /// The file in base64.
    pub(super) data: String,
}

/// Does the caller take a [`Base64File`] rather than the file's bytes?
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().starts_with("application/json"))
}

/// A file: exactly one of `url` and `data`.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with url or data, such as {\"url\": \"https://example.org/a.png\"}")]
pub(super) struct FileField {
    /// What it is; told by the server of the URL, or by the kind of message, when missing.
    #[schema(example = "image/png")]
    mimetype: Option<String>,
    /// The name that receivers of documents see.
    #[schema(example = "invoice.pdf")]
    filename: Option<String>,
    /// Where to fetch it, `http` or `https`.
    url: Option<String>,
    /// The file in base64.
    data: Option<String>,
}

impl FileField {
    /// A file of which no more is said than where it is.
    pub(super) fn of(url: Option<String>, data: Option<String>) -> Self {
        Self { mimetype: None, filename: None, url, data }
    }

    /// Checks everything that can be checked before the file is fetched.
    ///
    /// `sent` is what [`super::extract::BodyWithFile`] took out of `data`, which counts as left out then.
    pub(super) fn check(self, sent: Option<Spooled>) -> Result<FileBody, ApiError> {
        self.check_named("file", sent)
    }

    /// As [`Self::check`], of a file in the field `name`.
    pub(super) fn check_named(self, name: &str, sent: Option<Spooled>) -> Result<FileBody, ApiError> {
        let refused = |reason: &str| ApiError::invalid(format!("{name}{reason}"));
        // An empty text is a field that was left out, also the one that a file was taken out of.
        let data = self.data.filter(|data| !data.is_empty());
        let source = match (self.url, data, sent.filter(|sent| sent.length() > 0)) {
            (Some(url), None, None) => MediaSource::Url(check_url(&format!("{name}.url"), url)?),
            (None, Some(data), None) => MediaSource::Data(decode(name, data.as_bytes())?),
            (None, None, Some(sent)) => MediaSource::Spooled(Arc::new(sent)),
            _ => return Err(refused(": give exactly one of url and data")),
        };
        if self.mimetype.as_deref().is_some_and(|kind| !is_mimetype(kind)) {
            return Err(refused(".mimetype: a type such as image/png"));
        }
        if self.filename.as_deref().is_some_and(|file| file.len() > 255 || file.chars().any(char::is_control))
        {
            return Err(refused(".filename: at most 255 bytes without control characters"));
        }
        Ok(FileBody { source, mimetype: self.mimetype, filename: self.filename })
    }
}

pub(super) fn check_url(name: &str, url: String) -> Result<String, ApiError> {
    let parsed = url::Url::parse(&url).ok();
    if parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(url);
    }
    Err(ApiError::invalid(format!("{name}: an http:// or https:// address")))
}

fn decode(name: &str, data: &[u8]) -> Result<Bytes, ApiError> {
    let mut decoder = Decoder::default();
    decoder.input().extend_from_slice(data);
    let bytes = decoder.finish().map_err(|_| not_base64(name))?;
    if bytes.is_empty() {
        return Err(ApiError::invalid(format!("{name}.data: the file is empty")));
    }
    Ok(Bytes::from(bytes))
}

/// Decodes base64 that comes in pieces. Space is passed over: MIME breaks lines after 76 letters.
#[derive(Default)]
pub(super) struct Decoder {
    input: Vec<u8>,
}

/// The end may be padding, which only the last piece may have.
const KEPT_BACK: usize = 4;

impl Decoder {
    /// Where text is added.
    pub(super) fn input(&mut self) -> &mut Vec<u8> {
        &mut self.input
    }

    /// The bytes of what is there, but for the end.
    pub(super) fn decode(&mut self) -> Result<Vec<u8>, ApiError> {
        self.skip_space();
        let ready = self.input.len().saturating_sub(KEPT_BACK) / 4 * 4;
        let bytes = STANDARD_NO_PAD.decode(&self.input[..ready]).map_err(|_| not_base64("file"))?;
        self.input.drain(..ready);
        Ok(bytes)
    }

    /// The bytes of the rest.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, ApiError> {
        self.skip_space();
        LENIENT.decode(&self.input).map_err(|_| not_base64("file"))
    }

    fn skip_space(&mut self) {
        self.input.retain(|letter| !letter.is_ascii_whitespace());
    }
}

fn not_base64(name: &str) -> ApiError {
    ApiError::invalid(format!("{name}.data: not base64"))
        .hint("send the bare base64 text, without a data: prefix")
}

fn is_mimetype(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= 255
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && essence.trim().split_once('/').is_some_and(|(kind, name)| token(kind) && token(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<FileBody, ApiError> {
        serde_json::from_str::<FileField>(json).unwrap().check(None)
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for data in ["aGVsbG8=", "aGVsbG8", " aGVsbG8=\n", "aGVs\r\nbG8=\r\n", "aGVsbG8\n="] {
            let file = check(&serde_json::json!({ "data": data }).to_string()).unwrap();
            assert!(matches!(file.source, MediaSource::Data(bytes) if bytes == "hello"));
        }
    }

    #[test]
    fn pieces_decode_as_the_whole_does() {
        let content: Vec<u8> = (0..10_000u32).map(|number| (number % 251) as u8).collect();
        for (cut, space) in [(0, ""), (1, " \n"), (2, "\r\n")] {
            let content = &content[cut..];
            let whole = base64::engine::general_purpose::STANDARD.encode(content);
            // Lines of 76 letters, as MIME has them.
            let lines = whole.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
            let text = lines.fold(space.to_owned(), |text, line| text + line + space);
            for size in [1, 3, 64, 1000, 20_000] {
                let (mut decoder, mut decoded) = (Decoder::default(), Vec::new());
                for piece in text.as_bytes().chunks(size) {
                    decoder.input().extend_from_slice(piece);
                    decoded.extend(decoder.decode().unwrap());
                }
                decoded.extend(decoder.finish().unwrap());
                assert!(decoded == content, "{cut} {size}");
            }
        }
        for bad in ["QUJD-QUJD", "QUI=QUJD", "QUJD\u{e9}", "*"] {
            let mut decoder = Decoder::default();
            decoder.input().extend_from_slice(bad.repeat(100).as_bytes());
            assert!(decoder.decode().is_err() || decoder.finish().is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_files_are_refused() {
        for json in [
            r"{}",
            r#"{"url":"https://example.org/a.png","data":"aGVsbG8="}"#,
            r#"{"data":""}"#,
            r#"{"data":"data:image/png;base64,aGVsbG8="}"#,
            r#"{"data":"aGVsbG8*"}"#,
            r#"{"url":"file:///etc/passwd"}"#,
            r#"{"url":"example.org/a.png"}"#,
            r#"{"data":"aGVsbG8=","mimetype":"png"}"#,
            r#"{"data":"aGVsbG8=","mimetype":"image/png\r\nX: y"}"#,
            r#"{"data":"aGVsbG8=","filename":"a\u0000b"}"#,
        ] {
            assert!(check(json).is_err(), "{json}");
        }
    }

    #[test]
    fn parameters_of_a_type_are_kept() {
        let file = check(r#"{"data":"aGVsbG8=","mimetype":"audio/ogg; codecs=opus"}"#).unwrap();
        assert_eq!(file.mimetype.as_deref(), Some("audio/ogg; codecs=opus"));
    }
}
