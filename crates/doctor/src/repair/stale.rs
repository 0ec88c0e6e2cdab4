//! Upkeep: what nobody can use any more.

use super::mend::Mender;
use crate::examine::{Examination, Options};
use crate::formats::baileys::name::Name;
use crate::inventory::{Facts, FileReport};

/// A device that was silent for so long is gone, or will not mind one retry: half a year.
const IDLE_MS: i64 = 180 * 86_400_000;
/// WhatsApp holds at most the last upload of about 800 pre-keys; older ones were replaced twice over.
const PRE_KEYS_BEHIND: i64 = 2000;

/// Removes leftovers, idle Signal sessions, sessions of devices that an account no longer has, and pre-keys far
/// behind the counter.
pub(super) fn remove(mender: &mut Mender<'_>, examination: &mut Examination, options: &Options<'_>) {
    let first = examination.inventory.credentials().and_then(|c| c.first_unuploaded_pre_key_id).unwrap_or(0);
    let stale: Vec<_> = examination
        .inventory
        .files
        .values()
        .filter(|file| !mender.overlay().changes().contains_key(&file.entry.name))
        .filter_map(|file| {
            let why = reason(examination, file, first, options.now_ms)?;
            Some((file.entry.name.clone(), file.name.peer().cloned(), why, file.entry.len))
        })
        .collect();
    for (name, peer, why, freed) in stale {
        mender.upkeep(&name, peer.as_ref(), why, freed, examination);
    }
}

fn reason(examination: &Examination, file: &FileReport, first: i64, now_ms: i64) -> Option<&'static str> {
    let written_ms = i64::try_from(file.entry.modified_ns / 1_000_000).unwrap_or(now_ms);
    let idle = |since: i64| now_ms - since.max(written_ms) > IDLE_MS;
    match (&file.name, &file.facts) {
        (Name::Temporary, _) if file.entry.kind == crate::source::EntryKind::File => {
            Some("a leftover of an editor, a copy or a crashed writer")
        }
        (Name::Session(_), Facts::Session(facts)) if idle(facts.used.max(facts.created)) => {
            Some("neither side has used it for half a year")
        }
        (Name::Session(address), Facts::Session(_)) => {
            let list = format!("device-list-{}.json", address.user);
            let devices = examination.inventory.files.get(&list).map(|file| &file.facts);
            let gone = matches!(devices, Some(Facts::Devices(list))
                if !list.is_empty() && !list.contains(&address.device) && address.device != 0);
            gone.then_some("the account no longer has this device")
        }
        (Name::PreKey(id), _) if i64::from(*id) + PRE_KEYS_BEHIND < first && idle(0) => {
            Some("WhatsApp replaced this pre-key long ago")
        }
        _ => None,
    }
}
