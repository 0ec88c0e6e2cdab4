//! Files in requests: by URL or as base64.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::{FileBody, MediaSource};

use super::error::ApiError;

/// Senders do not agree on the `=` at the end, so both ways are read.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file: exactly one of `url` and `data`.
#[derive(Deserialize, ToSchema)]
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
    /// Does the caller say that it is of this type?
    pub(super) fn is_of(&self, kind: &str) -> bool {
        let essence = self.mimetype.as_deref().and_then(|mimetype| mimetype.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(kind))
    }

    /// Checks everything that can be checked before the file is fetched.
    pub(super) fn check(self) -> Result<FileBody, ApiError> {
        let source = match (self.url, self.data) {
            (Some(url), None) => MediaSource::Url(check_url(url)?),
            (None, Some(data)) => MediaSource::Data(decode(&data)?),
            _ => return Err(ApiError::invalid("file: give exactly one of url and data")),
        };
        if self.mimetype.as_deref().is_some_and(|kind| !is_mimetype(kind)) {
            return Err(ApiError::invalid("file.mimetype: a type such as image/png"));
        }
        if self.filename.as_deref().is_some_and(|name| name.len() > 255 || name.chars().any(char::is_control))
        {
            return Err(ApiError::invalid("file.filename: at most 255 bytes without control characters"));
        }
        Ok(FileBody { source, mimetype: self.mimetype, filename: self.filename })
    }
}

fn check_url(url: String) -> Result<String, ApiError> {
    let parsed = reqwest::Url::parse(&url).ok();
    if parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(url);
    }
    Err(ApiError::invalid("file.url: an http:// or https:// address"))
}

fn decode(data: &str) -> Result<Bytes, ApiError> {
    let bytes = LENIENT.decode(data.trim()).map_err(|_| {
        ApiError::invalid("file.data: not base64").hint("send the bare base64 text, without a data: prefix")
    })?;
    if bytes.is_empty() {
        return Err(ApiError::invalid("file.data: the file is empty"));
    }
    Ok(Bytes::from(bytes))
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
        serde_json::from_str::<FileField>(json).unwrap().check()
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for data in ["aGVsbG8=", "aGVsbG8", " aGVsbG8=\n"] {
            let file = check(&serde_json::json!({ "data": data }).to_string()).unwrap();
            assert!(matches!(file.source, MediaSource::Data(bytes) if bytes == "hello"));
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
