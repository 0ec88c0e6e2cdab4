//! Settings of another program that people bring along.

use crate::Origin;
use crate::catalog::Catalog;
use crate::value::Value;

/// A setting of another program.
#[derive(Debug)]
pub struct Foreign {
    /// Its environment variable.
    pub name: &'static str,
    /// What it means here.
    pub meaning: Meaning,
}

/// What another program's setting means here.
#[derive(Debug, Clone, Copy)]
pub enum Meaning {
    /// The same as this setting.
    Same(&'static str),
    /// The same, once its value is put into the words of this program; `None` is as if it were not set.
    Translated(&'static str, fn(&str) -> Option<String>),
    /// The same as above, but only when nothing else sets this setting.
    Otherwise(&'static str, fn(&str) -> Option<String>),
    /// It is not used, and somebody may rely on it: it protects something there, or keeps it. The text says how that is here.
    Protected(&'static str),
    /// Another setting does it here.
    Instead(&'static str),
    /// There is nothing like it here.
    NotNeeded,
}

/// What became of another program's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub told: Told,
}

/// What became of another program's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is taken for this setting.
    Taken(&'static str),
    /// This setting is set too, and counts.
    Overruled(&'static str),
    /// It is not used, and somebody may rely on it; how that is here.
    Protected(&'static str),
    /// This setting does it here.
    Instead(&'static str),
    /// It is a setting's name in small letters.
    Lowercase,
    /// It is not needed.
    NotNeeded,
}

/// What is to be said of other programs' settings, one line each: those that protected something each with how that is
/// here, the rest together.
pub fn notes(notes: &[Note]) -> (Vec<String>, Vec<String>) {
    let names = |wanted: &dyn Fn(Told) -> Option<String>| {
        notes
            .iter()
            .filter_map(|note| wanted(note.told).map(|more| format!("{}{more}", note.name)))
            .collect::<Vec<_>>()
    };
    let taken = names(&|told| match told {
        Told::Taken(setting) => Some(format!(" (as {setting})")),
        _ => None,
    });
    let unused = names(&|told| match told {
        Told::Overruled(setting) => Some(format!(" ({setting} is set)")),
        Told::Instead(setting) => Some(format!(" (use {setting})")),
        Told::NotNeeded => Some(String::new()),
        Told::Taken(_) | Told::Protected(_) | Told::Lowercase => None,
    });
    let list = |what: &str, names: Vec<String>| {
        (!names.is_empty())
            .then(|| format!("settings of another program that are {what}: {}", names.join(", ")))
    };
    let protected = notes.iter().filter_map(|note| match note.told {
        Told::Protected(how) => Some(format!("{} is not used: {how}", note.name)),
        Told::Lowercase => {
            let (name, right) = (&note.name, note.name.to_ascii_uppercase());
            Some(format!("{name} is not used: in the environment the setting is spelled {right}"))
        }
        _ => None,
    });
    let quiet = [list("taken over", taken), list("not needed here", unused)];
    (protected.collect(), quiet.into_iter().flatten().collect())
}

impl Catalog {
    /// The value that another program's setting stands for, with the setting that it is for.
    pub(crate) fn translate(&self, foreign: &'static Foreign, text: String) -> Result<Value, Told> {
        let (name, text) = match foreign.meaning {
            Meaning::Same(name) => (name, text),
            Meaning::Translated(name, translate) | Meaning::Otherwise(name, translate) => {
                (name, translate(&text).ok_or(Told::NotNeeded)?)
            }
            Meaning::Protected(how) => return Err(Told::Protected(how)),
            Meaning::Instead(name) => return Err(Told::Instead(name)),
            Meaning::NotNeeded => return Err(Told::NotNeeded),
        };
        let setting = self.find(name).ok_or(Told::NotNeeded)?;
        Ok(Value { setting, text, origin: Origin::Foreign(foreign.name) })
    }
}
