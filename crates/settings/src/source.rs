//! Collects the settings' texts: flags beat the environment, the environment beats the TOML file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use wakeeper_private_fs::{Folder, FsError};

use crate::value::{Origin, Value, non_empty, parse_bool, parse_duration};
use crate::{Catalog, Setting, SettingsError};

/// A secret is one line; a larger file is a mistake.
const SECRET_FILE_LIMIT: u64 = 64 << 10;
/// Bytes of a settings file.
const CONFIG_LIMIT: u64 = 1 << 20;

/// Everything settings are read from.
#[derive(Default)]
pub struct Sources {
    /// Setting name and value, from command line flags.
    pub flags: Vec<(&'static str, String)>,
    /// The settings file that a flag names.
    pub config: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Folder in which the default settings file is looked for.
    pub working_dir: PathBuf,
}

/// The values that are set, by setting name. All of them are checked.
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// At the first setting that is unknown or malformed, and when a file cannot be read.
    pub fn collect(catalog: &Catalog, sources: Sources) -> Result<Self, SettingsError> {
        let mut values = BTreeMap::new();
        if let Some(path) = config_path(catalog, &sources) {
            let entries = config_entries(catalog, &path)?;
            overlay(catalog, &mut values, entries, &Origin::ConfigFile(path))?;
        }
        let environment = environment_entries(catalog, sources.environment);
        overlay(catalog, &mut values, environment, &Origin::Environment)?;
        let flags = sources.flags.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        overlay(catalog, &mut values, flags, &Origin::Flag)?;
        for value in values.values() {
            value.check()?;
        }
        Ok(Self(values))
    }

    /// The value of a setting, when it is set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A setting's value through `parse`, or the default when it is not set.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        default: T,
    ) -> Result<T, SettingsError> {
        self.get(name).map_or(Ok(default), |value| value.read(parse))
    }

    /// A yes or no.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, SettingsError> {
        self.read(name, parse_bool, default)
    }

    /// A number, or whatever else is read from its text.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, SettingsError> {
        self.read(name, |text| text.parse().ok(), default)
    }

    /// The same where there is no default.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn number_if_set<T: FromStr>(&self, name: &str) -> Result<Option<T>, SettingsError> {
        self.read(name, |text| text.parse().ok().map(Some), None)
    }

    /// A time.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn duration(&self, name: &str, default: Duration) -> Result<Duration, SettingsError> {
        self.read(name, parse_duration, default)
    }

    /// A path, when it is set.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn path(&self, name: &str) -> Result<Option<PathBuf>, SettingsError> {
        self.get(name).map(|value| value.read(non_empty)).transpose()
    }
}

/// The settings file to read; one that is named must exist, the default one need not.
fn config_path(catalog: &Catalog, sources: &Sources) -> Option<PathBuf> {
    if sources.config.is_some() {
        return sources.config.clone();
    }
    let is_named = |(name, value): &&(OsString, OsString)| name == catalog.file_variable && !value.is_empty();
    let named = sources.environment.iter().find(is_named);
    if let Some((_, path)) = named {
        return Some(PathBuf::from(path));
    }
    let default = sources.working_dir.join(catalog.usual_file);
    default.is_file().then_some(default)
}

/// Adds one source's entries over what weaker sources said.
fn overlay(
    catalog: &Catalog,
    values: &mut BTreeMap<&'static str, Value>,
    entries: Vec<(String, String)>,
    origin: &Origin,
) -> Result<(), SettingsError> {
    let mut found: BTreeMap<&'static str, Value> = BTreeMap::new();
    for (name, text) in entries {
        let value = entry(catalog, &name, text, origin)?;
        let name = value.setting.name;
        if found.insert(name, value).is_some() {
            return Err(SettingsError::Twice { name });
        }
    }
    values.append(&mut found);
    Ok(())
}

fn entry(catalog: &Catalog, name: &str, text: String, origin: &Origin) -> Result<Value, SettingsError> {
    if let Some(setting) = catalog.find(name) {
        return Ok(Value { setting, text, origin: origin.clone() });
    }
    match name.strip_suffix("_FILE").and_then(|name| catalog.find(name)) {
        Some(setting) if setting.secret => secret_file(setting, PathBuf::from(text)),
        Some(setting) => Err(SettingsError::NotASecret { name: setting.name }),
        None => Err(SettingsError::Unknown {
            name: name.to_owned(),
            origin: origin.clone(),
            closest: catalog.closest(name),
        }),
    }
}

fn secret_file(setting: &'static Setting, path: PathBuf) -> Result<Value, SettingsError> {
    let failed = |source| SettingsError::SecretFile { name: setting.name, path: path.clone(), source };
    let mut text = small_file(&path, SECRET_FILE_LIMIT).map_err(failed)?;
    // Editors and `echo` end a file with one newline that is no part of the secret.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(failed(std::io::Error::other("the file is empty")));
    }
    Ok(Value { setting, text, origin: Origin::SecretFile(path) })
}

/// The text of a file that the operator named. A device or a pipe would never end, or never begin.
fn small_file(path: &Path, limit: u64) -> std::io::Result<String> {
    let (file, _) = Folder::file_named(path).map_err(FsError::into_io)?;
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(std::io::Error::other(format!("it is larger than {} KB", limit >> 10)));
    }
    Ok(text)
}

/// The environment's entries that concern wakeeper. Compose passes unset variables as empty ones.
fn environment_entries(catalog: &Catalog, environment: Vec<(OsString, OsString)>) -> Vec<(String, String)> {
    environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, value)| !value.is_empty() && name != catalog.file_variable)
        .filter(|(name, _)| {
            let base = name.strip_suffix("_FILE").and_then(|name| catalog.find(name));
            catalog.find(name).is_some()
                || base.is_some_and(|setting| setting.secret)
                || catalog.is_own_name(name)
        })
        .collect()
}

fn config_entries(catalog: &Catalog, path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let text = small_file(path, CONFIG_LIMIT)
        .map_err(|source| SettingsError::ConfigFile { path: path.to_owned(), source })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        SettingsError::ConfigSyntax { path: path.to_owned(), line, reason: error.message().to_owned() }
    })?;
    let origin = Origin::ConfigFile(path.to_owned());
    table.into_iter().map(|(key, value)| config_entry(catalog, &key, value, &origin)).collect()
}

fn config_entry(
    catalog: &Catalog,
    key: &str,
    value: toml::Value,
    origin: &Origin,
) -> Result<(String, String), SettingsError> {
    let name = key.to_ascii_uppercase();
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
            items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => {
            let Some(setting) = catalog.find(&name) else {
                return Err(SettingsError::Unknown {
                    closest: catalog.closest(&name),
                    name,
                    origin: origin.clone(),
                });
            };
            let text = format!("a TOML {}", other.type_str());
            return Err(Value { setting, text, origin: origin.clone() }.malformed());
        }
    };
    Ok((name, text))
}
