//! What the doctor reports: findings, and the repair that each one proposes.

use serde::{Serialize, Serializer};
use wakeeper_model::plural;

use crate::address::Address;
use crate::state::Devices;

mod subject;

pub use subject::Subject;

/// The stable name of a kind of finding, documented in `docs/findings.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(pub(crate) &'static str);

impl Code {
    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Info,
    /// Will or may cost messages; mended together with errors.
    Warning,
    /// Damage. A session with one is not healthy.
    Error,
}

impl Finding {
    /// How many there are of each severity: `2 errors, 1 warning, 3 remarks`.
    pub fn counted(findings: &[Self]) -> String {
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let parts: Vec<String> =
            [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "remark")]
                .into_iter()
                .map(|(severity, word)| (count(severity), word))
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| plural(count, word))
                .collect();
        if parts.is_empty() { "No findings".to_owned() } else { parts.join(", ") }
    }
}

/// What would cure a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Nothing needs to be done.
    None,
    /// Nothing that a program may do: the text says what a person should.
    Manual(&'static str),
    /// Remove the file; what it held is negotiated anew.
    RemoveFile,
    /// Take the file from a backup that holds a sound one, else remove it. Only for files that never change.
    RestoreOrRemove,
    /// Move a directory, link or pipe aside that stands where a file belongs.
    MoveAside,
    /// Drop some Signal sessions from a record, and open another one again.
    DropSignalSessions {
        /// Map keys of the sessions to drop.
        drop: Vec<String>,
        /// Map key of the session to open.
        reopen: Option<String>,
    },
    /// Cut off what follows the complete document at the start of the file.
    KeepPrefix {
        /// Length of the document.
        len: usize,
    },
    /// Take the credentials from the newest backup that holds sound ones.
    RestoreCredentials,
    /// Move both pre-key counters to this id, past every id already given away.
    AdvancePreKeyCounters {
        /// The first id that was never used.
        to: u32,
    },
    /// Give the file its right name.
    Rename {
        /// The right name.
        to: String,
    },
    /// Write a small file that can be derived from others.
    Write {
        /// Its content.
        content: String,
    },
    /// Take from a backup those pre-keys that the folder lacks.
    RestorePreKeys,
    /// Narrow the permissions.
    SetPermissions {
        /// The new bits.
        mode: u32,
    },
    /// Take devices off the list of those that were told our sender key.
    ForgetDevices {
        /// Which.
        devices: Vec<Devices>,
    },
    /// Finish or roll back a repair that was interrupted.
    FinishRepair,
    /// Start with an empty store.
    ResetStore,
}

impl Repair {
    /// The stable word for it, as it stands in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Manual(_) => "manual",
            Self::RemoveFile => "remove_file",
            Self::RestoreOrRemove => "restore_or_remove_file",
            Self::MoveAside => "remove_intruder",
            Self::DropSignalSessions { reopen: None, .. } => "drop_signal_session",
            Self::DropSignalSessions { reopen: Some(_), .. } => "reopen_signal_session",
            Self::KeepPrefix { .. } => "keep_complete_part",
            Self::RestoreCredentials => "restore_credentials",
            Self::AdvancePreKeyCounters { .. } => "advance_pre_key_counters",
            Self::Rename { .. } => "rename_file",
            Self::Write { .. } => "write_file",
            Self::RestorePreKeys => "restore_pre_keys",
            Self::SetPermissions { .. } => "set_permissions",
            Self::ForgetDevices { .. } => "forget_devices",
            Self::FinishRepair => "finish_repair",
            Self::ResetStore => "reset_store",
        }
    }

    /// One sentence for people.
    pub fn describe(&self) -> String {
        match self {
            Self::None => "nothing to do".to_owned(),
            Self::Manual(text) => (*text).to_owned(),
            Self::RemoveFile => {
                "remove this file; new keys are agreed at the next message, and no chat is lost".to_owned()
            }
            Self::RestoreOrRemove => "take the file from a backup, or remove it".to_owned(),
            Self::MoveAside => "move aside what stands in the file's place".to_owned(),
            Self::DropSignalSessions { drop, reopen: None } => {
                format!(
                    "drop {} from the record, keep the rest",
                    wakeeper_model::plural(drop.len(), "damaged Signal session")
                )
            }
            Self::DropSignalSessions { .. } => {
                "drop the damaged Signal session and open the good one again".to_owned()
            }
            Self::KeepPrefix { len } => format!("keep the first {len} bytes, which are complete"),
            Self::RestoreCredentials => "take the login from the newest backup in which it is OK".to_owned(),
            Self::AdvancePreKeyCounters { to } => format!("move the pre-key counters on to {to}"),
            Self::Rename { to } => format!("rename it to {to}"),
            Self::Write { .. } => "write the missing file".to_owned(),
            Self::RestorePreKeys => "take the missing pre-keys from a backup".to_owned(),
            Self::SetPermissions { mode } => format!("set its permissions to {mode:04o}"),
            Self::ForgetDevices { .. } => {
                "take the contact's devices off the list; they are told our sender key with the next message"
                    .to_owned()
            }
            Self::FinishRepair => "finish the interrupted repair".to_owned(),
            Self::ResetStore => "start with an empty store; the torn one is in the backup".to_owned(),
        }
    }

    /// Whether a program may do it.
    pub fn is_automatic(&self) -> bool {
        !matches!(self, Self::None | Self::Manual(_))
    }

    /// Whether it takes files of a known login from backups.
    pub(crate) fn asks_backups(&self) -> bool {
        matches!(self, Self::RestoreOrRemove | Self::RestorePreKeys)
    }
}

impl Serialize for Repair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Something wrong in stored state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    #[serde(skip)]
    pub subject: Subject,
    /// Where it is stored: the file, relative to the folder; `.` is the folder itself.
    pub path: String,
    /// Whose Signal session or sender key, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "peer_text")]
    pub peer: Option<Address>,
    /// What was seen, in words. Never holds key material.
    pub evidence: String,
    /// What would cure it.
    pub repair: Repair,
}

// serde passes a reference to the field.
#[allow(clippy::ref_option)]
fn peer_text<S: Serializer>(peer: &Option<Address>, serializer: S) -> Result<S::Ok, S::Error> {
    match peer {
        Some(peer) => serializer.collect_str(peer),
        None => serializer.serialize_none(),
    }
}

/// Where a finding is: a part of the session, or a file by its name.
pub(crate) struct About {
    subject: Subject,
    path: String,
}

impl From<Subject> for About {
    /// Whoever knows how the session is stored names the place.
    fn from(subject: Subject) -> Self {
        Self { subject, path: String::new() }
    }
}

impl From<&str> for About {
    fn from(path: &str) -> Self {
        Self { subject: Subject::of_file(path), path: path.to_owned() }
    }
}

impl From<&String> for About {
    fn from(path: &String) -> Self {
        Self::from(path.as_str())
    }
}

impl Finding {
    pub(crate) fn new(
        code: Code,
        severity: Severity,
        about: impl Into<About>,
        evidence: impl Into<String>,
    ) -> Self {
        let (About { subject, path }, evidence) = (about.into(), evidence.into());
        let peer = None;
        Self { code, severity, subject, path, peer, evidence, repair: Repair::None }
    }

    pub(crate) fn error(code: Code, about: impl Into<About>, evidence: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, about, evidence)
    }

    pub(crate) fn warning(code: Code, about: impl Into<About>, evidence: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, about, evidence)
    }

    pub(crate) fn info(code: Code, about: impl Into<About>, evidence: impl Into<String>) -> Self {
        Self::new(code, Severity::Info, about, evidence)
    }

    #[must_use]
    pub(crate) fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// The same in a folder of Baileys: a part of the session is a file there.
    #[must_use]
    pub(crate) fn in_folder(self) -> Self {
        let path = if self.path.is_empty() { self.subject.file() } else { self.path };
        Self { path, ..self }
    }

    /// The same where it was found in this file, whatever name its subject would have.
    #[must_use]
    pub(crate) fn in_file(self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { self.path };
        Self { path, ..self }
    }

    #[must_use]
    pub(crate) fn repair(self, repair: Repair) -> Self {
        Self { repair, ..self }
    }

    #[must_use]
    pub(crate) fn peer(self, peer: Option<&Address>) -> Self {
        Self { peer: peer.cloned(), ..self }
    }
}
