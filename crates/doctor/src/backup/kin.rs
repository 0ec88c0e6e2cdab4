//! Whether a source of a login is a folder's own. The login itself may not show there any more: what else is in the folder, and
//! where the source says that it comes from, tell then.

use std::collections::BTreeMap;
use std::path::Path;

use super::keys::Keys;
use super::manifest::Manifest;
use super::place::place_mark;
use crate::examine::Options;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::KeyPair;
use crate::formats::baileys::name::{CREDENTIALS, Name};
use crate::json;
use crate::repair::{Constraint, is_sound};
use crate::source::Folder;

/// Bytes of a file that never changes. Genuine ones have about 200.
const LASTING: usize = 16 << 10;
/// Files that are compared.
const COMPARED: usize = 4096;

/// What a folder still shows of its login, apart from the login itself.
#[derive(Debug, Default)]
pub(crate) struct Kin {
    /// Where it lies: see [`place_mark`].
    place: Option<String>,
    /// Its sound pre-keys and app-state keys.
    lasting: BTreeMap<String, Vec<u8>>,
    /// What is left of the keys in credentials that do not tell whose they are.
    keys: Keys,
}

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    same: usize,
    other: usize,
}

/// What a source is to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// Something in the folder is the source's.
    Proven,
    /// It was made of a folder at this place, and nothing in the folder says otherwise.
    SamePlace,
    /// Nothing tells.
    Unknown,
    /// The folder holds what another login made.
    Other,
}

impl Bond {
    /// Whether a login may be taken without a person's word; `several` accounts share the backups.
    pub(crate) fn takes(self, several: bool) -> bool {
        match self {
            Self::Proven => true,
            Self::SamePlace => !several,
            Self::Unknown | Self::Other => false,
        }
    }
}

impl Kin {
    /// Of a folder that cannot be looked at.
    pub(crate) fn at(path: &Path, options: &Options<'_>) -> Self {
        Self { place: Some(place_mark(options.home.unwrap_or(path))), ..Self::default() }
    }

    /// Looks at a folder.
    pub(crate) fn of(folder: &Folder, options: &Options<'_>) -> Self {
        let listed = folder.list_some(&options.limits, |name| is_compared(&Name::parse(name)));
        let names = listed.map(|(entries, _)| entries).unwrap_or_default();
        let read = |name: String| {
            let content = folder.read(&name, &options.limits).ok()?;
            (content.len() <= LASTING && is_sound(&name, &content)).then_some((name, content))
        };
        let lasting = names.into_iter().take(COMPARED).filter_map(|entry| read(entry.name)).collect();
        let torn = folder.read(CREDENTIALS, &options.limits).unwrap_or_default();
        let keys = if is_torn(&torn) { Keys::in_text(&torn) } else { Keys::default() };
        Self { lasting, keys, ..Self::at(folder.path(), options) }
    }

    /// The names of the files that are compared, apart from the credentials.
    pub(crate) fn compared(&self) -> impl Iterator<Item = &str> {
        self.lasting.keys().map(String::as_str)
    }

    /// Where the folder lies: see [`place_mark`].
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Compares a file of a source with the folder's own.
    pub(crate) fn compare(&self, tally: &mut Tally, name: &str, content: &[u8]) {
        if name == CREDENTIALS {
            let (same, other) = self.keys.compared_with(&Keys::in_text(content));
            (tally.same, tally.other) = (tally.same + same, tally.other + other);
            return;
        }
        match self.lasting.get(name) {
            Some(own) if own == content => tally.same += 1,
            Some(_) if is_sound(name, content) => tally.other += 1,
            _ => {}
        }
    }

    /// What a source is to the folder; of an archive of wakeeper its manifest is known.
    pub(crate) fn bond(&self, tally: Tally, told: &Constraint, manifest: Option<&Manifest>) -> Bond {
        let place = manifest.and_then(|manifest| manifest.place.as_ref());
        if told.identity.is_some() {
            // The login itself shows, and was compared.
            Bond::Proven
        } else if tally.other > 0 && tally.other >= tally.same {
            Bond::Other
        } else if tally.same > 0 || told.tells() {
            Bond::Proven
        } else if place.is_some() && place == self.place.as_ref() {
            Bond::SamePlace
        } else {
            Bond::Unknown
        }
    }
}

/// Files that a login makes once and never changes.
pub(crate) fn is_compared(name: &Name) -> bool {
    matches!(name, Name::PreKey(_) | Name::AppStateKey { .. })
}

/// Whether credentials do not tell whose they are: they are torn, or their identity key is damaged. Those that were never linked
/// have new keys, which tell nothing of the login that was lost.
fn is_torn(text: &[u8]) -> bool {
    let Ok(value) = json::parse(text) else { return true };
    let credentials = Credentials::read(&value);
    let tells = credentials.identity.as_ref().is_some_and(KeyPair::matches);
    credentials.is_linked() && !tells
}
