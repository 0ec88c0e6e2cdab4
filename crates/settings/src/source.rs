//! Collects the settings' texts: flags beat the environment, the environment beats the TOML file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use wakeeper_private_fs::{Folder, FsError};

use crate::catalog::spelled;
use crate::foreign::{Meaning, Note, Told};
use crate::value::{Origin, Value};
use crate::{Catalog, Foreign, Setting, SettingsError, Values};

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

/// Whose an environment variable is.
enum Whose {
    /// A setting, or what looks like one.
    Ours,
    /// Another program's, and what it means here.
    Foreign(&'static Foreign),
    /// The name of a setting in small letters, which other programs may have, too.
    Lowercase,
    /// Another program's that nobody here knows.
    Unknown,
    /// It concerns nobody.
    Nobodys,
}

impl Values {
    pub(crate) fn read_sources(&mut self, catalog: &Catalog, sources: Sources) -> Result<(), SettingsError> {
        if let Some(path) = config_path(catalog, &sources) {
            let entries = config_entries(&path)?;
            let origin = Origin::ConfigFile(path);
            let entries = entries.into_iter().map(|(key, value)| config_entry(catalog, &key, value, &origin));
            self.overlay(entries.collect());
        }
        self.read_environment(catalog, sources.environment);
        let flags = sources.flags.into_iter().map(|(name, text)| entry(catalog, name, text, &Origin::Flag));
        self.overlay(flags.collect());
        Ok(())
    }

    /// Adds one source's values over what weaker sources said.
    fn overlay(&mut self, entries: Vec<Result<Value, SettingsError>>) {
        let mut found: BTreeMap<&'static str, Value> = BTreeMap::new();
        for entry in entries {
            match entry {
                Ok(value) => {
                    let name = value.setting.name;
                    if found.insert(name, value).is_some() {
                        self.broken.push(SettingsError::Twice { name });
                    }
                }
                Err(error @ SettingsError::Unknown { .. }) => self.unknown.push(error),
                Err(error) => self.broken.push(error),
            }
        }
        self.found.append(&mut found);
    }

    /// Compose passes unset variables as empty ones.
    fn read_environment(&mut self, catalog: &Catalog, environment: Vec<(OsString, OsString)>) {
        let (mut ours, mut foreign) = (Vec::new(), Vec::new());
        for (name, text) in environment {
            let Ok(name) = name.into_string() else { continue };
            let text = text.to_string_lossy().into_owned();
            if text.is_empty() || name == catalog.file_variable {
                continue;
            }
            if is_of_a_service(&name, &text) {
                continue;
            }
            match whose(catalog, &name) {
                Whose::Ours => ours.push(entry(catalog, &name, text, &Origin::Environment)),
                Whose::Foreign(setting) => foreign.push((setting, text)),
                Whose::Unknown => self.notes.push(Note { name, told: Told::NotNeeded }),
                Whose::Lowercase => self.notes.push(Note { name, told: Told::Lowercase }),
                Whose::Nobodys => {}
            }
        }
        self.overlay(ours);
        // The order of the environment is no order; what only fills a gap comes last.
        let fills = |foreign: &Foreign| matches!(foreign.meaning, Meaning::Otherwise(..));
        foreign.sort_by_key(|(setting, _)| (fills(setting), setting.name));
        for (setting, text) in foreign {
            let told = self.take_over(catalog, setting, text);
            self.notes.push(Note { name: setting.name.to_owned(), told });
        }
        self.notes.sort_by(|one, other| one.name.cmp(&other.name));
    }

    fn take_over(&mut self, catalog: &Catalog, foreign: &'static Foreign, text: String) -> Told {
        let value = match catalog.translate(foreign, text) {
            Ok(value) => value,
            Err(told) => return told,
        };
        let setting = value.setting;
        let Some(present) = self.found.get(setting.name) else {
            self.found.insert(setting.name, value);
            return Told::Taken(setting.name);
        };
        let differs = !(catalog.same)(setting, &present.text, &value.text);
        if differs && setting.secret && !matches!(foreign.meaning, Meaning::Otherwise(..)) {
            let one = match &present.origin {
                Origin::Foreign(name) => (*name).to_owned(),
                Origin::SecretFile(_) => format!("{}_FILE", setting.name),
                Origin::ConfigFile(path) => format!("{} in {}", setting.name, path.display()),
                Origin::Flag | Origin::Environment => setting.name.to_owned(),
            };
            self.broken.push(SettingsError::Differs { name: setting.name, one, other: foreign.name });
        }
        Told::Overruled(setting.name)
    }
}

fn whose(catalog: &Catalog, name: &str) -> Whose {
    let base = |name: &str| catalog.find(name.strip_suffix("_FILE")?).filter(|setting| setting.secret);
    let named = |name: &str| catalog.find(name).or_else(|| base(name)).is_some();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let spelled = spelled(name);
    if named(name) {
        Whose::Ours
    } else if named(&spelled) {
        // Nobody else has these names, nor any with a dash.
        let is_ours = name.contains('-') || catalog.is_own_name(&spelled);
        if is_ours { Whose::Ours } else { Whose::Lowercase }
    } else if let Some(foreign) = catalog.find_foreign(name) {
        Whose::Foreign(foreign)
    } else if catalog.is_own_name(&spelled) {
        Whose::Ours
    } else if starts(catalog.foreign_prefixes) {
        Whose::Unknown
    } else if starts(catalog.shared_prefixes) {
        if catalog.closest_within(name, 2).is_some() { Whose::Ours } else { Whose::Unknown }
    } else if catalog.mistyped(name).is_some() {
        Whose::Ours
    } else {
        Whose::Nobodys
    }
}

/// What Kubernetes sets for a service, which may be named like this program: `WAKEEPER_SERVICE_HOST`,
/// `WAKEEPER_PORT=tcp://10.0.0.1:8192`.
fn is_of_a_service(name: &str, text: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme));
    let behind_port =
        name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || behind_port
        || (is_address && name.ends_with("_PORT"))
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
            closest: catalog.meant(name),
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

fn config_entries(path: &Path) -> Result<toml::Table, SettingsError> {
    let text = small_file(path, CONFIG_LIMIT)
        .map_err(|source| SettingsError::ConfigFile { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        SettingsError::ConfigSyntax { path: path.to_owned(), line, reason: error.message().to_owned() }
    })
}

fn config_entry(
    catalog: &Catalog,
    key: &str,
    value: toml::Value,
    origin: &Origin,
) -> Result<Value, SettingsError> {
    let name = key.to_ascii_uppercase();
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_str) && is_list(catalog, &name) => {
            items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => {
            let text = format!("a TOML {}", other.type_str());
            return Err(entry(catalog, &name, text, origin)?.malformed());
        }
    };
    entry(catalog, &name, text, origin)
}

/// Whether several values may be given; those of a name that is unknown are refused for that.
fn is_list(catalog: &Catalog, name: &str) -> bool {
    catalog.find(name).is_none_or(|setting| setting.list)
}
