//! Why the settings were refused.

use std::path::PathBuf;

use crate::Origin;
use crate::catalog::spelled;

/// A setting that keeps the program from starting. Every message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value is not of the kind the setting takes.
    #[error("setting {name} ({origin}): {shown} is not allowed; allowed: {allowed}")]
    Malformed {
        /// The setting.
        name: &'static str,
        /// Where the value was found.
        origin: Origin,
        /// The value, hidden when it is a secret.
        shown: String,
        /// What is allowed.
        allowed: String,
    },
    /// No setting has that name.
    #[error("unknown setting {name} ({origin}){}", did_you_mean(name, *.closest))]
    Unknown {
        /// The name as it was written.
        name: String,
        /// Where it was found.
        origin: Origin,
        /// The known name that is most like it.
        closest: Option<&'static str>,
    },
    /// A secret is given directly and by file.
    #[error("setting {name}: set either {name} or {name}_FILE, not both")]
    Twice {
        /// The setting.
        name: &'static str,
    },
    /// Two names of the same secret hold different values.
    #[error(
        "setting {name}: {one} and {other} have different values; remove one of the two, or give both the same value"
    )]
    Differs {
        /// The setting.
        name: &'static str,
        /// Where the value that counts so far was found.
        one: String,
        /// The other name, which is another program's.
        other: &'static str,
    },
    /// `X_FILE` for a setting that is no secret.
    #[error("unknown setting {name}_FILE: only secrets are read from files, set {name} itself")]
    NotASecret {
        /// The setting without `_FILE`.
        name: &'static str,
    },
    /// The file that `X_FILE` names cannot be read.
    #[error("setting {name}_FILE: cannot read {}: {source}", path.display())]
    SecretFile {
        /// The setting without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The TOML file cannot be read.
    #[error("cannot read the settings file {}: {source}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The TOML file is not TOML.
    #[error("the settings file {} is not valid TOML, line {line}: {reason}", path.display())]
    ConfigSyntax {
        /// The file.
        path: PathBuf,
        /// Line of the error, from 1.
        line: usize,
        /// What is wrong, without the file's text: it may hold secrets.
        reason: String,
    },
    /// A setting needs another one.
    #[error("setting {name}: {reason}")]
    Conflict {
        /// The setting.
        name: &'static str,
        /// What is missing or contradicts it.
        reason: String,
    },
    /// All that is wrong, one line each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<SettingsError>),
}

fn did_you_mean(name: &str, closest: Option<&'static str>) -> String {
    let Some(closest) = closest else { return String::new() };
    let file = if spelled(name).ends_with("_FILE") && !closest.ends_with("_FILE") { "_FILE" } else { "" };
    format!("; did you mean {closest}{file}?")
}

impl SettingsError {
    /// The setting that it is about, where it is about one that exists.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Malformed { name, .. }
            | Self::Twice { name }
            | Self::Differs { name, .. }
            | Self::NotASecret { name }
            | Self::SecretFile { name, .. }
            | Self::Conflict { name, .. } => Some(name),
            Self::Unknown { closest, .. } => *closest,
            Self::ConfigFile { .. } | Self::ConfigSyntax { .. } | Self::Several(_) => None,
        }
    }

    /// Each thing that is wrong by itself.
    pub fn each(self) -> Vec<Self> {
        match self {
            Self::Several(errors) => errors,
            error => vec![error],
        }
    }

    pub(crate) fn of(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self::Several(errors)),
        }
    }
}
