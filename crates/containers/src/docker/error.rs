//! What can go wrong between wakeeper and the engine, in words for the person who asked.

use bollard::errors::Error as ClientError;

/// Why no engine could be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing answers at the places where an engine usually is.
    #[error(
        "no Docker engine was found (looked at {}); start Docker, or set DOCKER_HOST to where it listens",
        .looked.join(", ")
    )]
    NotFound {
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// An engine is named, and it does not answer.
    #[error("the Docker engine at {endpoint} does not answer: {reason}; is it running?")]
    Silent {
        /// Where.
        endpoint: String,
        /// The system's words.
        reason: String,
    },
    /// The socket belongs to others.
    #[error(
        "no permission to use the Docker engine at {endpoint}; run this as root, or join the group that owns the \
         socket (often: sudo usermod -aG docker $USER, then log in again)"
    )]
    Denied {
        /// Where.
        endpoint: String,
    },
    /// A setting that does not say where the engine is.
    #[error("{setting} is {value:?}, which wakeeper cannot use: {reason}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What it is.
        value: String,
        /// Why not.
        reason: String,
    },
}

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No container of that name.
    #[error("there is no container {name:?} here{}", hint(.known))]
    NoSuchContainer {
        /// What was asked for.
        name: String,
        /// Names of containers that may have been meant.
        known: Vec<String>,
    },
    /// The container is not running.
    #[error("container {name} is not running; start it first (wakeeper start)")]
    NotRunning {
        /// The container.
        name: String,
    },
    /// A path that does not exist in the container.
    #[error("container {name} has no {path}")]
    NoSuchPath {
        /// The container.
        name: String,
        /// The path.
        path: String,
    },
    /// The engine, or a proxy before it, refuses this request.
    #[error(
        "the engine refuses to {action}: {reason}; a socket proxy must allow it (docs/security.md lists what is needed)"
    )]
    Refused {
        /// What was tried.
        action: String,
        /// The engine's words.
        reason: String,
    },
    /// No answer in time.
    #[error("the engine took too long to {action}; look at `docker ps` to see whether it went on")]
    Timeout {
        /// What was tried.
        action: String,
    },
    /// Its log goes where nobody can read it back.
    #[error(
        "the log of container {name} cannot be read: its logging driver (none, syslog or the like) keeps nothing that can be \
         read back. Give it one that does, `--log-driver local` or in compose `logging: {{driver: local}}`, and make it anew"
    )]
    LogUnreadable {
        /// The container.
        name: String,
    },
    /// Anything else, in the engine's words.
    #[error("the engine could not {action}: {reason}")]
    Failed {
        /// What was tried.
        action: String,
        /// The engine's words.
        reason: String,
    },
}

fn hint(known: &[String]) -> String {
    match known {
        [] => "; no container is running or stopped on this engine that could be meant".to_owned(),
        names => {
            format!("; containers here: {}. Name one with --container or CONTAINER_NAME", names.join(", "))
        }
    }
}

impl EngineError {
    /// Puts a client error into words: what was tried, on which container.
    pub(crate) fn of(action: impl Into<String>, container: &str, error: ClientError) -> Self {
        let action = action.into();
        match error {
            ClientError::DockerResponseServerError { status_code, message } => {
                Self::of_answer(action, container, status_code, &message)
            }
            ClientError::RequestTimeoutError => Self::Timeout { action },
            other => Self::Failed { action, reason: causes(&other) },
        }
    }

    fn of_answer(action: String, container: &str, status: u16, message: &str) -> Self {
        let reason = first_line(message);
        match status {
            404 if message.contains("No such container") || message.contains("no container with") => {
                Self::NoSuchContainer { name: container.to_owned(), known: Vec::new() }
            }
            403 | 401 => Self::Refused { action, reason },
            _ if message.contains("does not support reading") => {
                Self::LogUnreadable { name: container.to_owned() }
            }
            409 if message.contains("is not running") => Self::NotRunning { name: container.to_owned() },
            _ => Self::Failed { action, reason },
        }
    }

    /// True when the container does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NoSuchContainer { .. })
    }
}

/// The engine's messages hold stack-like detail after the first line.
fn first_line(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    line.trim().chars().take(400).collect()
}

/// An error and what is behind it, without repetition.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_can_read_back_says_what_to_change() {
        let of = |status, message| {
            EngineError::of_answer("read the log of container bot".to_owned(), "bot", status, message)
        };
        for status in [500, 501] {
            let error = of(status, "configured logging driver does not support reading");
            assert!(matches!(error, EngineError::LogUnreadable { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("container bot") && text.contains("--log-driver local"), "{text}");
        }
        assert!(matches!(of(500, "disk on fire"), EngineError::Failed { .. }));
    }
}
