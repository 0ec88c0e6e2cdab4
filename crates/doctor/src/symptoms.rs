//! Symptoms: what log lines say about a session's health.
//!
//! Some damage shows in no file: a flipped byte in a chain key, a ratchet that was rolled back. It shows in
//! the log of whatever runs on the session. Each emitter has one table; a row is a pattern, what it means,
//! where it names the contact, a line that it matches and a near miss that it must not, and that row is its
//! own test.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::Serialize;

use crate::address::Address;
use crate::state::SessionState;
use needles::{Literals, Needles, RowSet};

mod answers;
mod baileys;
mod beside;
mod broken;
mod digest;
mod failures;
mod gateways;
mod known;
mod libsignal;
mod moment;
mod named;
mod native;
mod needles;
mod pieces;
mod reading;
mod record;
mod redact;
mod scan;
mod storage;
mod stream;
mod summary;
mod text;
mod told;
mod trouble;
mod unknown;
mod unwrap;
mod whatsmeow;

pub use beside::read_logs_beside;
pub use digest::{Digest, LogFacts, Unattributed, peer_failures, read_log};
pub use failures::{Failures, cause};
pub use named::{LogError, read_named_log, read_piped_log};
pub use reading::Reading;
pub use redact::redact;
pub use scan::Scanner;
pub use stream::{scan, scan_each};
pub use summary::{Seen, summary, word};
pub use text::{Stored, Utf16};
pub use trouble::PeerFailures;
pub use unwrap::Layout;

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No session of the record decrypted a message; the stack that follows names the contact.
    AttemptFailed,
    /// A stack frame that names the Signal session at work.
    SessionFrame,
    /// A message's MAC does not verify.
    BadMac,
    /// The same, as Baileys wraps it once every session was tried.
    BadMacWrapped,
    /// A message index that was used before: a repeated message, or a ratchet that went back.
    CounterRepeat,
    /// There is no Signal session for a message or with a recipient.
    NoSession,
    /// There is no sender key for a group message.
    NoSenderKey,
    /// A contact used a pre-key that is not here.
    InvalidPreKey,
    /// More than 2000 messages are missing in between.
    TooFarAhead,
    /// A message for a chain that was closed.
    ChainClosed,
    /// A sender key in the shape of another Baileys version.
    SenderKeyFormat,
    /// A message could not be decrypted, and the cause is none that is known.
    UnknownFailure,
    /// A late message was decrypted with an archived session; the open one may be spoilt now.
    ClosedSessionHit,
    /// A contact negotiated a new session: healing.
    RekeyIn,
    /// libsignal printed key material.
    SecretLeak,
    /// We asked a contact to send again.
    RetryOut,
    /// A contact asked us to send again, and the message is no longer here.
    RetryUnanswered,
    /// A pre-key that should be removed does not exist.
    PreKeyMissing,
    /// A transaction of key changes was thrown away.
    TransactionLost,
    /// The phone removed this device, or WhatsApp refuses it (401).
    LoggedOut,
    /// Another connection took this session over (440).
    ConflictReplaced,
    /// WhatsApp refused the connection.
    ConnectFailure,
    /// The restart that WhatsApp asks for after pairing (515).
    RestartRequired,
    /// The connection is open.
    ConnectionOpen,
    /// A QR code was shown.
    QrEmitted,
    /// The disk or the file system is at fault.
    StorageFault,
    /// A stored Signal session could not be read and was set aside.
    RowQuarantined,
    /// The gateway found its own credentials torn, or put a copy of them back.
    CredentialsTorn,
}

impl Class {
    /// Whether it tells that the Signal session with the contact does not work.
    pub fn is_session_failure(self) -> bool {
        matches!(
            self,
            Self::AttemptFailed | Self::BadMac | Self::BadMacWrapped | Self::ChainClosed | Self::TooFarAhead
        )
    }

    /// Whether it tells that a message could not be decrypted, for whatever cause.
    pub fn is_failure(self) -> bool {
        self.is_session_failure() || cause(self).is_some()
    }
}

/// Where a row finds the contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerIn {
    /// Nowhere in this line.
    Nowhere,
    /// In the `key` of the JSON object that the line is.
    JsonKey,
    /// In the stack frame that follows, or in the `key` when the line is a JSON object.
    NextFrame,
    /// In this capture group, as a JID or as libsignal writes it.
    Group(usize),
    /// Nowhere, and the line counts only in a record that tells how a connection ended.
    Connection,
    /// It is a stack frame that names the contact: user, domain suffix, device.
    Frame,
}

/// One row of a table.
pub(crate) struct Row {
    pub(crate) pattern: &'static str,
    pub(crate) class: Class,
    pub(crate) peer: PeerIn,
    /// Read by the test of the tables only.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) matches: &'static str,
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) near_miss: &'static str,
}

/// Something seen in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// What it means.
    pub class: Class,
    /// The contact's device, where it is known.
    pub peer: Option<Address>,
    /// The message's id, where the line tells it.
    pub message_id: Option<String>,
    /// When, milliseconds since 1970, where the line tells it.
    pub at_ms: Option<i64>,
    /// A three-digit status code in the line.
    pub status: Option<u16>,
}

/// All tables, compiled.
struct Tables {
    needles: Needles,
    rows: Vec<Compiled>,
    /// The rows that are frames.
    frames: RowSet,
}

impl Tables {
    /// Whether a line may match frames and nothing else.
    fn are_frames(&self, rows: RowSet) -> bool {
        rows == self.frames
    }
}

/// A row, ready for use.
struct Compiled {
    row: &'static Row,
    regex: Regex,
    literals: Literals,
}

impl Compiled {
    fn is_match(&self, line: &[u8]) -> bool {
        self.literals.are_in(line) && (self.literals.are_all() || self.regex.is_match(line))
    }

    fn captures<'l>(&self, line: &'l [u8]) -> Option<Captures<'l>> {
        self.literals.are_in(line).then(|| self.regex.captures(line))?
    }
}

/// A table that does not compile is left out; the test of the tables makes sure that none is.
static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    // What matters in these lines is ASCII, whatever surrounds it.
    let regex = |pattern| RegexBuilder::new(pattern).unicode(false).build();
    let compiled = |row: &'static Row| {
        Some(Compiled { row, regex: regex(row.pattern).ok()?, literals: Literals::of(row.pattern) })
    };
    let rows: Vec<_> = all_rows().filter_map(compiled).collect();
    let needles = Needles::of(rows.iter().map(|compiled| compiled.row.pattern));
    let frames = rows.iter().map(|compiled| compiled.row.peer == PeerIn::Frame);
    let frames = RowSet::of(frames);
    Tables { needles, rows, frames }
});

fn all_rows() -> impl Iterator<Item = &'static Row> {
    let known =
        [baileys::ROWS, gateways::ROWS, libsignal::ROWS, storage::ROWS, whatsmeow::ROWS, native::ROWS];
    // What only says that something failed counts where none of the others says what.
    known.into_iter().chain([unknown::ROWS]).flatten()
}

/// Whether two names may be the same device: under Baileys 6 a log does not tell LIDs from phone numbers.
pub(crate) fn same_device(state: &SessionState, named: &Address, stored: &Address) -> bool {
    if named.device != stored.device {
        return false;
    }
    named.user == stored.user
        || state.lid_of(&named.user) == Some(stored.user.as_str())
        || state.lid_of(&stored.user) == Some(named.user.as_str())
}

#[cfg(test)]
mod tests;
