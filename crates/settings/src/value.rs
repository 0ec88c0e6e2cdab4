//! Where a setting's value came from, and how its text becomes a typed value.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{Kind, Setting, SettingsError};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command line flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The file that `<name>_FILE` names.
    SecretFile(PathBuf),
    /// The TOML file.
    ConfigFile(PathBuf),
    /// An environment variable of another program that means the same.
    Foreign(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment => f.write_str("environment"),
            Self::Foreign(name) => write!(f, "environment, as {name}"),
            Self::SecretFile(path) | Self::ConfigFile(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A value as text, with its origin for error messages.
#[derive(Clone)]
pub struct Value {
    /// The setting it belongs to.
    pub setting: &'static Setting,
    /// The text. Secret for secret settings, hence no `Debug`.
    pub text: String,
    /// Where it was found.
    pub origin: Origin,
}

impl Value {
    /// The error that names this setting, its redacted value and what is allowed.
    pub fn malformed(&self) -> SettingsError {
        SettingsError::Malformed {
            name: self.setting.name,
            origin: self.origin.clone(),
            shown: self.shown(),
            allowed: self.setting.kind.allowed(),
        }
    }

    /// The value as it may appear in an error message.
    pub(crate) fn shown(&self) -> String {
        if self.setting.secret {
            return format!("(hidden, {} characters)", self.text.chars().count());
        }
        let text = without_login(&self.text);
        let mut shown: String = text.chars().take(60).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        format!("{shown:?}")
    }

    /// Checks the text against the setting's kind.
    fn check(&self) -> Result<(), SettingsError> {
        let fits = match self.setting.kind {
            Kind::Text(_) => true,
            Kind::Bool => parse_bool(&self.text).is_some(),
            Kind::Number(low, high) => {
                u64::from_str(&self.text).is_ok_and(|number| (low..=high).contains(&number))
            }
            Kind::Duration => parse_duration(&self.text).is_some(),
            Kind::Interval => parse_interval(&self.text).is_some(),
            Kind::Time => parse_duration(&self.text).is_some_and(|time| !time.is_zero()),
            Kind::Size => parse_size(&self.text).is_some_and(|size| size > 0),
            Kind::Word(words) => words.contains(&self.text.as_str()),
        };
        if fits { Ok(()) } else { Err(self.malformed()) }
    }

    /// The text through `parse`; `None` is a malformed value.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn read<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, SettingsError> {
        self.check()?;
        parse(&self.text).ok_or_else(|| self.malformed())
    }
}

/// A text without what stands before an `@` in an address, which may be a password. In a path it is a letter like others.
fn without_login(text: &str) -> Cow<'_, str> {
    match text.rsplit_once('@') {
        Some((login, rest)) if !login.starts_with(['/', '.']) => Cow::Owned(format!("(hidden)@{rest}")),
        _ => Cow::Borrowed(text),
    }
}

/// `true`/`false`, and the spellings compose files use for them.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A path.
pub fn non_empty(text: &str) -> Option<PathBuf> {
    (!text.trim().is_empty()).then(|| PathBuf::from(text))
}

/// `60`, `60s`, `15m`, `6h`, `2d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Once in this time.
    Every(Duration),
    /// Never.
    Off,
}

impl Interval {
    /// The time between two times; `None` is never.
    pub fn every(self) -> Option<Duration> {
        match self {
            Self::Every(every) => Some(every),
            Self::Off => None,
        }
    }
}

/// A time as [`parse_duration`] reads it, or `0` or `off`.
pub fn parse_interval(text: &str) -> Option<Interval> {
    if text.eq_ignore_ascii_case("off") {
        return Some(Interval::Off);
    }
    let every = parse_duration(text)?;
    Some(if every.is_zero() { Interval::Off } else { Interval::Every(every) })
}

/// `1048576`, `512KB`, `64MB`, `1GB` (powers of 1024; the `B` may be missing).
pub fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split_unit(text)?;
    let factor: u64 = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(factor)?).ok()
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}
