//! A device on its way into a gateway of ours.

use std::path::Path;

use super::read::Reading;
use super::{Moved, Store, StoreError, backup, moved};
use crate::backup::manifest::account_mark;
use crate::backup::{BackupError, CreateOptions, Created, Reason};
use crate::examine::{Options, parts_of};
use crate::finding::{Finding, Repair, Severity, Subject};
use crate::formats::baileys::field::encode;
use crate::model::{Session, SignalRecord};
use crate::transfer::LeftOut;

/// A device that was read whole, as a repair would leave it.
#[derive(Debug)]
pub struct Handover {
    /// Its JID.
    pub device: String,
    /// What it holds.
    pub session: Session,
    /// What is left behind because it is damaged.
    pub left_out: Vec<LeftOut>,
    /// What a person should know.
    pub notes: Vec<String>,
    store: Store,
}

/// Reads a device to be moved. Nothing is changed.
///
/// # Errors
/// When it is not clear which one, it moved already, its login is damaged, or the store cannot be read.
pub fn hand_over(path: &Path, device: Option<&str>, now_ms: i64) -> Result<Handover, StoreError> {
    let store = Store::open(path)?;
    let mut reading = store.read(device, now_ms)?;
    let mut left_out = left_by_reading(&reading);
    let found = parts_of(&reading.session);
    let login = found.iter().find(|f| f.severity == Severity::Error && f.subject == Subject::Credentials);
    if let Some(finding) = login {
        let (path, reason) = (path.to_owned(), finding.evidence.clone());
        return Err(StoreError::Login { path, device: reading.device, reason });
    }
    for finding in &found {
        left_out.extend(leave_behind(&mut reading.session, finding));
    }
    let others =
        "Chats, contacts and messages stay in the old gateway's own tables: whatsmeow keeps keys alone.";
    let notes = vec![others.to_owned()];
    Ok(Handover { device: reading.device, session: reading.session, left_out, notes, store })
}

impl Handover {
    /// Which login it is.
    #[must_use]
    pub fn account(&self) -> String {
        account_mark(&self.session.credentials.identity.public)
    }

    /// Backs the store up as it was read.
    ///
    /// # Errors
    /// When no archive can be made.
    pub fn back_up(&self, options: &Options<'_>, how: &CreateOptions<'_>) -> Result<Created, BackupError> {
        backup::create(&self.store, options, how, Reason::BeforeImport)
    }

    /// Takes the device out of the store, which nobody may use meanwhile, provided that it is as it was read.
    ///
    /// # Errors
    /// When somebody wrote to it or has it open, or it cannot be written; it is as it was then.
    pub fn give_up(&self, to: &str, backup: &Path, now_ms: i64) -> Result<(), StoreError> {
        let moved = Moved {
            device: self.device.clone(),
            account: self.account(),
            to: to.to_owned(),
            at_ms: now_ms,
            backup: backup.display().to_string(),
        };
        moved::give_up(self.store.path(), self.store.seen(), &moved)
    }
}

fn left_by_reading(reading: &Reading) -> Vec<LeftOut> {
    let unread = reading.unread.iter().map(|row| LeftOut {
        path: row.what.clone(),
        peer: row.subject.peer().map(ToString::to_string),
        reason: row.reason.clone(),
    });
    let archived = reading.archived.iter().map(|(address, count)| LeftOut {
        path: "Signal sessions".to_owned(),
        peer: Some(address.to_string()),
        reason: format!("{count} archived Signal session(s) cannot be used"),
    });
    unread.chain(archived).collect()
}

/// Takes a damaged part out of a session, or repairs it where the finding says how.
fn leave_behind(session: &mut Session, finding: &Finding) -> Option<LeftOut> {
    match (&finding.subject, &finding.repair) {
        (Subject::SignalSession(address), Repair::DropSignalSessions { drop, reopen }) => {
            let record = session.signal_sessions.get_mut(address)?;
            drop_sessions(record, drop, reopen.as_ref());
            if record.sessions.is_empty() {
                session.signal_sessions.remove(address);
            }
        }
        (Subject::SignalSession(address), Repair::RemoveFile) => {
            session.signal_sessions.remove(address)?;
        }
        (Subject::SenderKey(name), Repair::RemoveFile) => {
            session.sender_keys.remove(name)?;
        }
        (Subject::PreKey(id), Repair::RemoveFile | Repair::RestoreOrRemove) => {
            session.pre_keys.remove(id)?;
        }
        _ => return None,
    }
    Some(LeftOut {
        path: match &finding.subject {
            Subject::SenderKey(name) => format!("sender key of {}", name.group),
            Subject::PreKey(id) => format!("pre-key {id}"),
            _ => "Signal sessions".to_owned(),
        },
        peer: finding.peer.as_ref().map(ToString::to_string),
        reason: format!("{}: {}", finding.code, finding.evidence),
    })
}

fn drop_sessions(record: &mut SignalRecord, drop: &[String], reopen: Option<&String>) {
    record.sessions.retain(|session| !drop.contains(&encode(&session.base_key)));
    for session in &mut record.sessions {
        if reopen == Some(&encode(&session.base_key)) {
            session.closed = None;
        }
    }
}
