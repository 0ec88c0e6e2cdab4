//! The settings that are set, and how a program reads those that it uses.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::value::{Origin, Value, non_empty, parse_bool, parse_duration};
use crate::{Catalog, Note, SettingsError, Sources};

/// Which unknown names are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Every name of this program's that it does not know.
    All,
    /// Those that are like a setting that is used.
    LikeUsed,
}

/// The values that are set, by setting name. Each is checked when it is read.
#[derive(Default)]
pub struct Values {
    pub(crate) found: BTreeMap<&'static str, Value>,
    /// What is wrong with settings before anybody reads them.
    pub(crate) broken: Vec<SettingsError>,
    pub(crate) unknown: Vec<SettingsError>,
    pub(crate) notes: Vec<Note>,
    /// Were set, and are left out because they are wrong.
    refused: BTreeSet<&'static str>,
    used: RefCell<BTreeSet<&'static str>>,
}

/// A setting that is set, for a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// Its value, hidden when it is a secret.
    pub value: String,
    /// Where it was found.
    pub origin: Origin,
}

impl Values {
    /// Reads all sources. What is wrong with single settings is kept until somebody uses them.
    ///
    /// # Errors
    /// When the settings file cannot be read.
    pub fn collect(catalog: &Catalog, sources: Sources) -> Result<Self, SettingsError> {
        let mut values = Self::default();
        values.read_sources(catalog, sources)?;
        Ok(values)
    }

    /// Reads the settings that a program uses. When some are wrong, `read` runs again without them until it succeeds, so that
    /// everything is told at once.
    ///
    /// # Errors
    /// All that is wrong with the settings that were read, and with names as `names` says.
    pub fn resolve<T>(
        mut self,
        names: Names,
        read: impl Fn(&Self) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let mut wrong = Vec::new();
        let typed = loop {
            let error = match read(&self) {
                Ok(typed) => break Some(typed),
                Err(error) => error,
            };
            let removed = error.setting().and_then(|name| self.found.remove(name));
            wrong.push(error);
            let Some(removed) = removed else { break None };
            self.refused.insert(removed.setting.name);
        };
        let used = self.used.into_inner();
        let is_used = |error: &SettingsError| error.setting().is_some_and(|name| used.contains(name));
        let mut told: Vec<_> = self.broken.into_iter().filter(is_used).collect();
        told.append(&mut wrong);
        told.extend(self.unknown.into_iter().filter(|error| names == Names::All || is_used(error)));
        match (SettingsError::of(told), typed) {
            (None, Some(typed)) => Ok(typed),
            (error, _) => Err(error.unwrap_or(SettingsError::Several(Vec::new()))),
        }
    }

    /// The value of a setting, when it is set. From here on the program counts as one that uses it.
    pub fn get(&self, name: &'static str) -> Option<&Value> {
        self.used.borrow_mut().insert(name);
        self.found.get(name)
    }

    /// Whether the setting is set, though with a value that was refused: what needs it is not wrong for that.
    pub fn is_refused(&self, name: &str) -> bool {
        self.refused.contains(name) || self.broken.iter().any(|error| error.setting() == Some(name))
    }

    /// The names that were read.
    pub fn used(&self) -> BTreeSet<&'static str> {
        self.used.borrow().clone()
    }

    /// What became of other programs' settings.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What is set.
    pub fn list(&self) -> Vec<Listed> {
        let listed = |value: &Value| Listed {
            name: value.setting.name,
            value: value.shown(),
            origin: value.origin.clone(),
        };
        self.found.values().map(listed).collect()
    }

    /// A setting's value through `parse`, or the default when it is not set.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn read<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
        default: T,
    ) -> Result<T, SettingsError> {
        self.get(name).map_or(Ok(default), |value| value.read(parse))
    }

    /// A yes or no.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn flag(&self, name: &'static str, default: bool) -> Result<bool, SettingsError> {
        self.read(name, parse_bool, default)
    }

    /// A number, or whatever else is read from its text.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn number<T: FromStr>(&self, name: &'static str, default: T) -> Result<T, SettingsError> {
        self.read(name, |text| text.parse().ok(), default)
    }

    /// The same where there is no default.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn number_if_set<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, SettingsError> {
        self.read(name, |text| text.parse().ok().map(Some), None)
    }

    /// A time.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn duration(&self, name: &'static str, default: Duration) -> Result<Duration, SettingsError> {
        self.read(name, parse_duration, default)
    }

    /// A path, when it is set.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`].
    pub fn path(&self, name: &'static str) -> Result<Option<PathBuf>, SettingsError> {
        self.get(name).map(|value| value.read(non_empty)).transpose()
    }
}
