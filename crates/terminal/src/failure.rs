//! How a failure is told: what failed and why, each thing once, and what to do about it.

use std::error::Error;
use std::io;

use serde::Serialize;
use wakeeper_bounded_tar::shown_whole;

/// A failure, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind it is; stays the same from version to version.
    pub code: &'static str,
    /// What failed and why.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'f> {
    error: &'f Failure,
}

impl Failure {
    /// A failure of that kind, or of the kind that its causes show.
    pub fn of<'e>(
        causes: impl IntoIterator<Item = &'e (dyn Error + 'static)>,
        code: Option<&'static str>,
    ) -> Self {
        let mut message = String::new();
        for cause in causes {
            let cause = cause.to_string();
            if message.is_empty() {
                message = cause;
            } else if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        let (kind, hint) = os_error(&message).and_then(known).unwrap_or(("failed", ""));
        let hint = Some(hint).filter(|hint| !hint.is_empty() && code.is_none());
        Self { code: code.unwrap_or(kind), message, hint }
    }

    /// One JSON document.
    pub fn document(&self) -> String {
        serde_json::to_string(&Document { error: self }).unwrap_or_default()
    }

    /// Lines for people; what a container, an archive or a log brought in steers nothing.
    pub fn lines(&self) -> String {
        let told: Vec<_> = self.message.lines().map(shown_whole).collect();
        let hint = self.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("error: {}{hint}", told.join("\n"))
    }
}

/// The system's number of what went wrong, which ends its words.
fn os_error(message: &str) -> Option<io::Error> {
    let (_, rest) = message.rsplit_once("(os error ")?;
    rest.split_once(')')?.0.parse().ok().map(io::Error::from_raw_os_error)
}

#[expect(clippy::needless_pass_by_value, reason = "it is made for this")]
fn known(error: io::Error) -> Option<(&'static str, &'static str)> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull => {
            ("disk_full", "free some room on that disk, or name a folder on another one")
        }
        io::ErrorKind::QuotaExceeded => ("disk_full", "free some room, or raise the disk quota"),
        io::ErrorKind::ReadOnlyFilesystem => {
            ("read_only", "mount that file system writable, or name a folder on another one")
        }
        io::ErrorKind::PermissionDenied => {
            ("permission_denied", "run this as the user that the files belong to, or change their owner")
        }
        io::ErrorKind::NotFound => ("not_found", ""),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write key: {0}")]
    struct Outer(#[source] io::Error);

    fn failure(number: i32) -> Failure {
        let outer = Outer(io::Error::from_raw_os_error(number));
        let cause: &(dyn Error + 'static) = outer.source().expect("a cause");
        Failure::of([&outer as &(dyn Error + 'static), cause], None)
    }

    #[test]
    fn a_cause_is_told_once_and_followed_by_what_to_do() {
        let full = failure(28);
        assert_eq!(full.code, "disk_full");
        assert_eq!(full.message.matches("os error 28").count(), 1, "{}", full.message);
        assert!(full.lines().ends_with("or name a folder on another one"), "{}", full.lines());
        assert_eq!(
            (failure(13).code, failure(30).code, failure(5).code),
            ("permission_denied", "read_only", "failed")
        );
        let none = failure(5);
        assert!(
            none.hint.is_none() && none.document().starts_with(r#"{"error":{"code":"failed","message":"#)
        );
    }
}
