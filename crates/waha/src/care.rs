//! How a session is, by evidence, and the care for it: repairs, backups, restores. wakeeper's own; WAHA has no word for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::SessionName;

use super::session::SessionStatus;

/// What tells that a session works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceName {
    /// The connection opened.
    Connected,
    /// WhatsApp's server sent something, answers to pings too.
    Heard,
    /// A message came in and was stored.
    Received,
    /// A message could not be decrypted.
    Undecryptable,
    /// The server acknowledged a send.
    Acknowledged,
    /// A backup was made.
    Backup,
}

impl EvidenceName {
    /// What was seen, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Heard => "heard",
            Self::Received => "last received",
            Self::Undecryptable => "not decrypted",
            Self::Acknowledged => "last sent",
            Self::Backup => "backed up",
        }
    }
}

/// A piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Evidence {
    /// What was seen.
    pub name: EvidenceName,
    /// When last, in milliseconds since 1970; `null` when it was not seen since the gateway started.
    pub at: Option<i64>,
    /// How long ago that is, in seconds.
    pub age_seconds: Option<u64>,
}

/// How a session is, and what tells so.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SessionHealth)]
pub struct SessionHealthReport {
    /// Its name.
    #[schema(value_type = String)]
    pub session: SessionName,
    /// Where it stands.
    pub status: SessionStatus,
    /// `WORKING` without trouble, or stopped by its owner.
    pub healthy: bool,
    /// Why it is not healthy, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When each thing was seen last.
    pub evidence: Vec<Evidence>,
    /// Its connections since the gateway started.
    pub connection: ConnectionEvidence,
    /// Messages that cannot be read.
    pub undecryptable: UndecryptableCount,
    /// Sends that wait for WhatsApp's server now.
    pub sends_under_way: usize,
    /// How often, since the gateway started, an older copy was noticed and all sending chains were negotiated anew.
    pub chains_renewed: u64,
    /// How often, since the gateway started, the login was taken from a backup.
    pub logins_restored: u64,
    /// What keeps its databases from being written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// What the newest examination of its stored state found; empty when there was none.
    pub findings: Vec<CareFinding>,
    /// When that was, in milliseconds since 1970.
    pub examined_at: Option<i64>,
    /// Its incidents that are not over.
    pub incidents_open: usize,
    /// What its receivers are owed.
    pub webhooks: WebhookEvidence,
}

/// The connections of a session.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ConnectionEvidence {
    /// How often one was tried.
    pub attempts: u64,
    /// How many connections and attempts ended, by cause.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub ends: BTreeMap<&'static str, u64>,
    /// The newest of these causes.
    pub last_end: Option<&'static str>,
}

/// Messages that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct UndecryptableCount {
    /// Those that did not arrive again so far.
    pub waiting: u64,
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndecryptableReason {
    /// Its encryption does not fit the keys that are here. Its sender was asked for it again, each time that it came.
    NotDecrypted,
    /// It came without its content. The account's phone was asked for it.
    Unavailable,
}

/// A message that could not be read, and did not arrive again so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UndecryptableMessage)]
pub struct Undecryptable {
    /// Its id on the wire.
    pub id: String,
    /// The chat that it came in.
    pub chat: String,
    /// Who sent it.
    pub sender: String,
    /// Why it could not be read, and what is done about it.
    pub reason: UndecryptableReason,
    /// How often it came.
    pub times: u32,
    /// When it came first, in milliseconds since 1970.
    pub first_at: i64,
    /// When it came last.
    pub last_at: i64,
}

/// What the receivers of a session's events are owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookEvidence {
    /// Deliveries that wait.
    pub waiting: u64,
    /// Receivers that fail now.
    pub failing: Vec<FailingReceiver>,
    /// Deliveries that were given up.
    pub dead_letters: u64,
}

/// A receiver that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailingReceiver {
    /// Its address, without what may be a secret: user, path and query are left out.
    #[schema(example = "https://example.org/…")]
    pub url: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// What the newest attempt came to.
    pub reason: String,
    /// When it is tried next, in milliseconds since 1970.
    pub next_try: Option<i64>,
}

/// Something that is wrong in the stored state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CareFinding {
    /// What kind of thing, as a stable word of `docs/findings.md`.
    pub code: String,
    /// `error`, `warning` or `info`.
    #[schema(example = "warning")]
    pub severity: String,
    /// What it is about: a contact's device, else where it is stored.
    pub subject: String,
    /// What was seen.
    pub evidence: String,
    /// What would repair it, as a stable word.
    pub repair: String,
}

/// How far a repair goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepairExtent {
    /// What is damaged.
    #[default]
    Damaged,
    /// What is stale as well: Signal sessions and pre-keys that nobody can use any more.
    Stale,
}

/// A repair that is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(default)]
pub struct RepairRequest {
    /// Only say what would be done. Default: `true`.
    #[schema(default = true)]
    pub dry_run: bool,
    /// How far it goes.
    #[schema(default = "damaged")]
    pub what: RepairExtent,
}

impl Default for RepairRequest {
    fn default() -> Self {
        Self { dry_run: true, what: RepairExtent::default() }
    }
}

/// A step of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RepairStep {
    /// What is done, as a stable word.
    pub repair: String,
    /// To which file.
    pub path: String,
    /// Whose state it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The same in a sentence.
    pub description: String,
}

/// What a repair did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RepairReport {
    /// The backup that was made first: its id among the session's backups.
    pub backup: Option<String>,
    /// What was, or would be, done.
    pub plan: Vec<RepairStep>,
    /// It was done.
    pub applied: bool,
    /// The login is sound.
    pub login_kept: bool,
    /// A QR code must be scanned.
    pub needs_qr: bool,
    /// No error is left.
    pub healthy: bool,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A backup of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Backup {
    /// Its name in the backup folder.
    #[schema(example = "auth_info_20261125T191931689Z.tar.zst")]
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// Bytes of the archive.
    pub size: u64,
    /// Why it was made; `null` where that is not known.
    #[schema(example = "schedule")]
    pub reason: Option<String>,
    /// A passphrase is needed to use it.
    pub encrypted: bool,
    /// A mark of the login in it: the same for all backups of one login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The state of the login in it: `sound`, `damaged` or `missing`; `null` where it was not looked into.
    pub credentials: Option<String>,
    /// Why it cannot be used, when it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What reading a backup back to its end came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackupCheck {
    /// Every hash agrees, and it holds what it says.
    pub sound: bool,
    /// The state of the login in it: `sound`, `damaged` or `missing`; `null` when it cannot be read.
    pub credentials: Option<String>,
    /// What an examination of its content found.
    pub findings: Vec<CareFinding>,
    /// Why it cannot be used, when it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a restore gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestoreWhat {
    /// The login, and what never changes.
    #[default]
    Credentials,
    /// Everything that is in the backup.
    All,
}

/// A restore that is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RestoreRequest {
    /// The `id` of a backup of this session.
    pub backup: String,
    /// What is given back.
    #[serde(default)]
    #[schema(default = "credentials")]
    pub what: RestoreWhat,
    /// Only say what would be done. Default: `true`.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub dry_run: bool,
    /// Why encryption state may go back, with `what: all`. Without a reason it may not.
    #[serde(default)]
    pub force_reason: Option<String>,
}

fn yes() -> bool {
    true
}

/// What becomes of the encryption state with contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ratchet {
    /// It stays as it is.
    Kept,
    /// It is negotiated anew with the next messages, at the cost of one automatic retry for each contact.
    Dropped,
}

/// What a restore did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RestoreReport {
    /// The backup that was read.
    pub backup: String,
    /// What was given back.
    pub what: RestoreWhat,
    /// Nothing was changed on purpose.
    pub dry_run: bool,
    /// What was, or would be, changed.
    pub changes: Vec<String>,
    /// What becomes of the encryption state with contacts.
    pub ratchet: Ratchet,
    /// It was done.
    pub applied: bool,
    /// A QR code must be scanned.
    pub needs_qr: bool,
    /// The backup of the state before: its id among the session's backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_before: Option<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// The payload of `session.incident`: a step of an incident. It names no contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionIncidentBody)]
pub struct IncidentEvent {
    /// The incident's number, for `GET /api/incidents/{id}`; `null` while the disk takes no writes.
    pub incident: Option<i64>,
    /// What went wrong, as a stable word.
    pub kind: String,
    /// Where it is, as a stable word.
    #[schema(example = "open")]
    pub state: String,
    /// How it ended, as a stable word.
    pub outcome: Option<String>,
    /// What happened, as a stable word.
    #[schema(example = "opened")]
    pub step: String,
    /// The same for people.
    pub text: String,
    /// How often it was seen.
    pub times: u64,
}

/// What was seen of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A message could not be decrypted, the first one that waits.
    Undecryptable,
    /// All messages that could not be decrypted arrived again.
    Resolved,
    /// WhatsApp's server is not heard any more, or does not answer: the session connects anew.
    Deaf,
    /// The connection is open, and the server does not acknowledge what is sent.
    Unacknowledged,
    /// The server acknowledges again.
    Acknowledged,
    /// The session works again after it was deaf.
    Working,
    /// Its stored state was repaired or given back, because somebody asked for it.
    Restored,
}

/// The payload of `session.evidence`. It names no contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SessionEvidenceBody)]
pub struct EvidenceEvent {
    /// What was seen.
    pub evidence: Seen,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The same for people.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed_unless_somebody_says_so() {
        let repair: RepairRequest = serde_json::from_str("{}").unwrap();
        assert!(repair.dry_run && repair.what == RepairExtent::Damaged);
        let restore: RestoreRequest = serde_json::from_str(r#"{"backup":"a"}"#).unwrap();
        assert!(restore.dry_run && restore.what == RestoreWhat::Credentials);
        assert!(
            serde_json::from_str::<RestoreRequest>("{}").is_err(),
            "which backup is meant is never guessed"
        );
    }
}
