//! Lays single repairs over the folder.

use super::credentials::{RestoredCredentials, with_counters};
use super::overlay::Change;
use super::plan::{Action, Plan, aside_name, login_state};
use super::sources::Sources;
use crate::address::Address;
use crate::examine::{CredentialsState, Examination, Options, examine_file};
use crate::finding::{Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::json::{self, Value};
use crate::source::{Entry, Folder};
use crate::state::Devices;

/// Collects the changes of a plan.
pub(super) struct Repairer<'a> {
    folder: &'a Folder,
    options: &'a Options<'a>,
    sources: &'a dyn Sources,
    plan: Plan,
}

impl<'a> Repairer<'a> {
    pub(super) fn new(folder: &'a Folder, options: &'a Options<'a>, sources: &'a dyn Sources) -> Self {
        Self { folder, options, sources, plan: Plan::default() }
    }

    pub(super) fn sources(&self) -> &'a dyn Sources {
        self.sources
    }

    /// Whether the plan changes a file already.
    pub(super) fn is_changed(&self, name: &str) -> bool {
        self.plan.overlay.changes().contains_key(name)
    }

    /// The content of a file as it would be.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.plan.overlay.read(self.folder, &self.options.limits, name)
    }

    /// Does what a finding proposes; false when that would change nothing.
    pub(super) fn repair(&mut self, finding: &Finding, examination: &mut Examination) -> bool {
        let path = &finding.path;
        // Two findings may name one file: the second may find it gone.
        let there = examination.inventory.files.contains_key(path);
        let content = match &finding.repair {
            Repair::RemoveFile if there => None,
            Repair::RestoreOrRemove => {
                match login(examination).and_then(|login| self.sources.file(login, path)) {
                    Some(content) => Some(content),
                    None if there => None,
                    None => return false,
                }
            }
            Repair::DropSignalSessions { drop, reopen } if there => {
                self.read(path).and_then(|text| without_sessions(&text, drop, reopen.as_deref()))
            }
            Repair::KeepPrefix { len } if there => match self.read(path) {
                Some(text) if *len < text.len() => Some(text[..*len].to_vec()),
                _ => return false,
            },
            Repair::AdvancePreKeyCounters { to } => {
                match self.read(path).and_then(|t| with_counters(&t, *to)) {
                    Some(text) => Some(text),
                    None => return false,
                }
            }
            Repair::ForgetDevices { devices } if there => {
                match self.read(path).and_then(|text| without_devices(&text, devices)) {
                    Some(left) => Some(left).filter(|left| !left.is_empty()),
                    None => return false,
                }
            }
            Repair::Write { content } if !there => Some(content.clone().into_bytes()),
            Repair::Rename { to } if there => return self.rename(finding, to, examination),
            Repair::MoveAside if there => return self.move_aside(finding, examination),
            Repair::SetPermissions { mode } if there => return self.set_mode(finding, *mode, examination),
            Repair::RestorePreKeys => return self.restore_pre_keys(finding, examination),
            Repair::ResetStore => return self.reset_store(finding, examination),
            _ => return false,
        };
        self.change(path, content, examination);
        self.note(finding, finding.repair.describe(), 0);
        true
    }

    /// Gives a file new content, or removes it, and examines it anew.
    pub(super) fn change(&mut self, name: &str, content: Option<Vec<u8>>, examination: &mut Examination) {
        let Some(content) = content else {
            examination.inventory.files.remove(name);
            self.plan.overlay.set(name, Change::Remove);
            return;
        };
        let mut entry = Entry::in_memory(name, content.len() as u64);
        if let Some(before) = examination.inventory.files.get(name) {
            // It keeps its owner and permissions.
            entry = Entry { kind: entry.kind, len: entry.len, ..before.entry.clone() };
        }
        let report = examine_file(entry, Ok(&content));
        examination.inventory.files.insert(name.to_owned(), report);
        self.plan.overlay.set(name, Change::Put(content));
    }

    pub(super) fn put_credentials(
        &mut self,
        finding: &Finding,
        restored: RestoredCredentials,
        examination: &mut Examination,
    ) {
        let name = &finding.path;
        // What stands in its place, if it is no file, is moved aside when the plan is applied.
        self.change(name, Some(restored.content), examination);
        self.note(finding, format!("take the credentials from {}", restored.from.display()), 0);
        self.plan.notes.push(
            "The credentials come from a backup or a copy, with the pre-key counters moved past every id that may have been \
             given away."
                .to_owned(),
        );
        self.plan.login_from = Some(restored.from);
    }

    fn rename(&mut self, finding: &Finding, to: &str, examination: &mut Examination) -> bool {
        let Some(content) = self.read(&finding.path) else { return false };
        self.change(to, Some(content), examination);
        self.change(&finding.path, None, examination);
        self.note(finding, finding.repair.describe(), 0);
        true
    }

    fn move_aside(&mut self, finding: &Finding, examination: &mut Examination) -> bool {
        self.plan.overlay.set(&finding.path, Change::Aside(aside_name(&finding.path)));
        examination.inventory.files.remove(&finding.path);
        self.note(finding, finding.repair.describe(), 0);
        true
    }

    fn set_mode(&mut self, finding: &Finding, mode: u32, examination: &mut Examination) -> bool {
        let Some(file) = examination.inventory.files.get_mut(&finding.path) else { return false };
        file.entry.mode = mode;
        file.findings.retain(|other| other.code != finding.code);
        // A file that is rewritten anyway gets the narrower permissions from its entry.
        if !self.plan.overlay.changes().contains_key(&finding.path) {
            self.plan.overlay.set(&finding.path, Change::Mode(mode));
        }
        self.note(finding, finding.repair.describe(), 0);
        true
    }

    fn restore_pre_keys(&mut self, finding: &Finding, examination: &mut Examination) -> bool {
        let next = examination.inventory.credentials().and_then(|c| c.next_pre_key_id).unwrap_or(0);
        let kept = login(examination).map(|login| self.sources.pre_keys(login)).unwrap_or_default();
        let mut restored = 0;
        for (name, content) in kept {
            let Name::PreKey(id) = Name::parse(&name) else { continue };
            if i64::from(id) < next && !examination.inventory.files.contains_key(&name) {
                self.change(&name, Some(content), examination);
                restored += 1;
            }
        }
        if restored > 0 {
            self.note(finding, format!("take {restored} missing pre-keys from a backup"), 0);
        }
        restored > 0
    }

    fn reset_store(&mut self, finding: &Finding, examination: &mut Examination) -> bool {
        examination.store_findings.retain(|other| other != finding);
        self.plan.reset_store = true;
        self.note(finding, finding.repair.describe(), 0);
        true
    }

    fn note(&mut self, finding: &Finding, description: String, freed: u64) {
        self.plan.actions.push(Action {
            repair: finding.repair.word(),
            path: finding.path.clone(),
            peer: finding.peer.as_ref().map(ToString::to_string),
            code: Some(finding.code),
            description,
            freed,
        });
    }

    /// A removal that no finding asked for.
    pub(super) fn remove(
        &mut self,
        name: &str,
        peer: Option<&Address>,
        why: &str,
        examination: &mut Examination,
    ) {
        let file = examination.inventory.files.get(name);
        let Some(freed) = file.map(|file| file.entry.len) else { return };
        self.change(name, None, examination);
        self.plan.actions.push(Action {
            repair: Repair::RemoveFile.word(),
            path: name.to_owned(),
            peer: peer.map(ToString::to_string),
            code: None,
            description: why.to_owned(),
            freed,
        });
    }

    pub(super) fn finish(mut self, examination: &Examination, options: &Options<'_>) -> Plan {
        let (state, remaining) = login_state(examination, options);
        self.plan.login_kept = state == CredentialsState::Sound;
        self.plan.needs_qr = !self.plan.login_kept;
        self.plan.remaining = remaining;
        self.plan
    }
}

/// Whose folder it is, as far as its credentials can be read.
fn login(examination: &Examination) -> Option<&[u8; 32]> {
    examination.inventory.credentials()?.identity_public()
}

/// Whether a file of that name would be free of errors.
pub(crate) fn is_sound(name: &str, content: &[u8]) -> bool {
    let report = examine_file(Entry::in_memory(name, content.len() as u64), Ok(content));
    report.findings.iter().all(|finding| finding.severity < crate::finding::Severity::Error)
}

/// A list of devices without some of them: `None` when none of those is on it, no text when nobody is left.
fn without_devices(text: &[u8], devices: &[Devices]) -> Option<Vec<u8>> {
    let list = json::parse(text).ok()?;
    let kept = |key: &str| {
        Address::from_jid(key).is_none_or(|address| !devices.iter().any(|devices| devices.include(&address)))
    };
    let left = list.members().iter().filter(|member| kept(&member.key)).count();
    if left == list.members().len() {
        return None;
    }
    if left == 0 {
        return Some(Vec::new());
    }
    let remaining = json::retain_members(text, &list, kept);
    Some(json::splice(text, vec![(list.span.clone(), remaining)]))
}

/// A record without some of its sessions, another one opened; `None` when nothing would be left of it.
fn without_sessions(text: &[u8], drop: &[String], reopen: Option<&str>) -> Option<Vec<u8>> {
    let record = json::parse(text).ok()?;
    let sessions = record.get("_sessions")?;
    let kept = |key: &str| !drop.iter().any(|dropped| dropped == key);
    if !sessions.members().iter().any(|member| kept(&member.key)) {
        return None;
    }
    // Opening comes first: the places of values are those of the text as it is.
    let opened = match reopen {
        None => text.to_vec(),
        Some(key) => {
            let closed = sessions.get(key)?.get("indexInfo")?.get("closed")?;
            json::splice(text, vec![(closed.span.clone(), b"-1".to_vec())])
        }
    };
    let record = json::parse(&opened).ok()?;
    let sessions: &Value<'_> = record.get("_sessions")?;
    let remaining = json::retain_members(&opened, sessions, kept);
    Some(json::splice(&opened, vec![(sessions.span.clone(), remaining)]))
}
