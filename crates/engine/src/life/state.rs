//! What is known of a session, shared between its actor, its sends and its callers.

mod examined;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use wakeeper_model::{ChatId, Clock, SessionName};
use wakeeper_recovery::IncidentLog;
use wakeeper_storage::{AccountRow, Desired, SessionRow, StorageError, StoredStatus};
use wakeeper_waha::{
    Engine, EvidenceEvent, Me, Seen, SessionConfig, SessionInfo, SessionStatus, StatusChange, Timestamps,
};
use whatsapp_rust::{Client, Jid};

use crate::address;
use crate::inbound::calls::Calls;
use crate::inbound::labels::UnderWay;
use crate::journal::Journal;
use crate::life::blocked::Blocked;
use crate::life::chains::Chains;
use crate::life::incidents::SessionIncidents;
use crate::life::line::Line;
use crate::life::pictures::Pictures;
use crate::life::presences::Presences;
use crate::life::server_witness::ServerWitness;
use crate::life::sightings::Sightings;
use crate::life::store::{Closed, Gate, Remembered};
use crate::life::undecryptable::Undecryptable;
use crate::ops::channels::posts::PostNumbers;
use crate::ops::passkey::Passkey;
use crate::outbound::group_sends::GroupSends;
use crate::outbound::handed_over::HandedOver;
use crate::outbound::retry_requests::RetryRequests;

pub(crate) use self::examined::CareTurn;
pub use self::examined::Examined;

/// How often WhatsApp is asked for the names of groups at most, in milliseconds.
const GROUPS_EVERY_MS: i64 = 60_000;
/// How many changes of status are remembered and told, as WAHA does.
const STATUSES_KEPT: usize = 3;

/// A QR code that can be scanned now.
#[derive(Clone)]
pub(crate) struct Qr {
    /// What the code says.
    pub raw: String,
    /// Until when it is good.
    pub until_ms: i64,
}

/// When the session last proved that it works, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    /// The connection opened.
    pub connected: Option<i64>,
    /// A message came in and was stored.
    pub inbound: Option<i64>,
    /// A message could not be decrypted.
    pub undecryptable: Option<i64>,
    /// The server acknowledged a send.
    pub acknowledged: Option<i64>,
}

impl Evidence {
    fn latest(self) -> Option<i64> {
        [self.connected, self.inbound, self.acknowledged].into_iter().flatten().max()
    }
}

struct Inner {
    desired: Desired,
    created_ms: i64,
    config: SessionConfig,
    me: Option<Me>,
    reason: Option<String>,
    /// What a person must know for as long as the session works.
    note: Option<String>,
    statuses: VecDeque<StatusChange>,
    qr: Option<Qr>,
    passkey: Option<Passkey>,
    client: Option<Arc<Client>>,
    /// Which client that is; each has one connection.
    client_number: u64,
    gate: Option<Gate>,
    trouble: Option<Closed>,
    /// Since when the server owes an acknowledgement on an open connection, when that is too long.
    unacknowledged: Option<i64>,
    evidence: Evidence,
    chains_renewed: u64,
    logins_restored: u64,
    lost: BTreeMap<&'static str, u64>,
    last_lost: Option<&'static str>,
}

/// The state of one session.
pub(crate) struct SessionState {
    name: SessionName,
    incidents: SessionIncidents,
    clock: Clock,
    line: Arc<Line>,
    missing_pre_key: Arc<Notify>,
    chains: Arc<Chains>,
    retry_requests: RetryRequests,
    group_sends: GroupSends,
    handed_over: HandedOver,
    server_witness: ServerWitness,
    asked_again: Remembered,
    passed_over: Remembered,
    presences: Presences,
    calls: Calls,
    pictures: Pictures,
    blocked: Blocked,
    /// When WhatsApp was last asked for the names of groups.
    groups_asked_ms: AtomicI64,
    post_numbers: PostNumbers,
    inner: Mutex<Inner>,
    status: watch::Sender<SessionStatus>,
    /// Held while the row is written, so that an older row never replaces a newer one.
    writing: tokio::sync::Mutex<()>,
    /// The row on disk is older than what is known here.
    unstored: AtomicBool,
    /// Held while the settings are changed, which rests on what they were.
    configuring: tokio::sync::Mutex<()>,
    /// Held while labels are changed, which rests on what they were.
    labeling: tokio::sync::Mutex<()>,
    own_label: UnderWay,
    /// Somebody works on the stored state.
    cared_for: Arc<AtomicBool>,
    /// Messages that could not be read, and did not arrive again.
    undecryptable: Undecryptable,
    /// What was seen, for whoever hears of it.
    sightings: Sightings,
    /// What its newest examination found.
    examined: Mutex<Option<Examined>>,
    /// Whose the session's rows are, once that is known; held while they change hands.
    account: tokio::sync::Mutex<Option<AccountRow>>,
    /// How often they did since the start.
    accounts: watch::Sender<u64>,
    /// The number of the newest client.
    clients: watch::Sender<u64>,
}

impl SessionState {
    pub(crate) fn new(row: &SessionRow, name: SessionName, clock: Clock, incidents: IncidentLog) -> Self {
        let now = clock.now_ms();
        let statuses = VecDeque::from([StatusChange { status: SessionStatus::Stopped, timestamp: now }]);
        let config = stored_config(row, &name);
        let status = watch::Sender::new(SessionStatus::Stopped);
        let incidents = SessionIncidents::new(incidents, name.clone(), status.subscribe());
        Self {
            name,
            incidents,
            line: Arc::new(Line::new(clock.clone())),
            missing_pre_key: Arc::default(),
            chains: Arc::default(),
            retry_requests: RetryRequests::default(),
            group_sends: GroupSends::default(),
            handed_over: HandedOver::default(),
            server_witness: ServerWitness::default(),
            asked_again: Remembered::default(),
            passed_over: Remembered::default(),
            presences: Presences::default(),
            calls: Calls::default(),
            pictures: Pictures::default(),
            blocked: Blocked::default(),
            groups_asked_ms: AtomicI64::new(i64::MIN),
            post_numbers: PostNumbers::default(),
            clock,
            inner: Mutex::new(Inner {
                desired: row.desired,
                created_ms: row.created_ms,
                config,
                me: row.me_json.as_deref().and_then(|me| serde_json::from_str(me).ok()),
                reason: None,
                note: None,
                statuses,
                qr: None,
                passkey: None,
                client: None,
                client_number: 0,
                gate: None,
                trouble: None,
                unacknowledged: None,
                evidence: Evidence::default(),
                chains_renewed: 0,
                logins_restored: 0,
                lost: BTreeMap::new(),
                last_lost: None,
            }),
            status,
            writing: tokio::sync::Mutex::new(()),
            unstored: AtomicBool::new(false),
            configuring: tokio::sync::Mutex::new(()),
            labeling: tokio::sync::Mutex::new(()),
            own_label: UnderWay::default(),
            cared_for: Arc::default(),
            examined: Mutex::default(),
            undecryptable: Undecryptable::default(),
            sightings: Sightings::default(),
            account: tokio::sync::Mutex::new(None),
            accounts: watch::Sender::new(0),
            clients: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> &SessionName {
        &self.name
    }

    /// Hears what a person should know of.
    pub(crate) fn incidents(&self) -> &SessionIncidents {
        &self.incidents
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Told when a message asked for a pre-key that is not there.
    pub(crate) fn missing_pre_key(&self) -> &Arc<Notify> {
        &self.missing_pre_key
    }

    /// Sent messages that devices asked for once more.
    pub(crate) fn retry_requests(&self) -> &RetryRequests {
        &self.retry_requests
    }

    /// Groups to which a send is under way.
    pub(crate) fn group_sends(&self) -> &GroupSends {
        &self.group_sends
    }

    /// Sends that are with the client.
    pub(crate) fn handed_over(&self) -> &HandedOver {
        &self.handed_over
    }

    /// Where the sending chains stand.
    pub(crate) fn chains(&self) -> &Arc<Chains> {
        &self.chains
    }

    /// Lets WhatsApp's server know of sends, for older copies to be told by.
    pub(crate) fn server_witness(&self) -> &ServerWitness {
        &self.server_witness
    }

    /// Messages that their senders were asked for again, and how often.
    pub(crate) fn asked_again(&self) -> &Remembered {
        &self.asked_again
    }

    /// Messages that make no row: of ignored chats, and those that people do not see.
    pub(crate) fn passed_over(&self) -> &Remembered {
        &self.passed_over
    }

    /// What is seen of people, and shown of this account.
    pub(crate) fn presences(&self) -> &Presences {
        &self.presences
    }

    /// The calls that ring.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Where pictures can be fetched.
    pub(crate) fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// Whom the account blocked.
    pub(crate) fn blocked(&self) -> &Blocked {
        &self.blocked
    }

    /// Whether WhatsApp is to be asked for the names of groups: not more often than once a minute, because those of groups that
    /// were left are never told.
    pub(crate) fn asks_for_groups(&self) -> bool {
        let now_ms = self.clock.now_ms();
        let asked = self.groups_asked_ms.load(Ordering::Acquire);
        now_ms.saturating_sub(asked) >= GROUPS_EVERY_MS
            && self
                .groups_asked_ms
                .compare_exchange(asked, now_ms, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// The numbers that WhatsApp's server has for posts of channels.
    pub(crate) fn post_numbers(&self) -> &PostNumbers {
        &self.post_numbers
    }

    /// What is seen of its connection.
    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(crate) fn status(&self) -> SessionStatus {
        *self.status.borrow()
    }

    pub(crate) fn config(&self) -> SessionConfig {
        self.inner().config.clone()
    }

    pub(crate) fn set_config(&self, config: SessionConfig) {
        self.inner().config = config;
    }

    pub(crate) fn me(&self) -> Option<Me> {
        self.inner().me.clone()
    }

    /// Whether a JID is the account itself, under either name and on any device.
    pub(crate) fn is_own(&self, jid: &Jid) -> bool {
        let id = address::chat_id(jid);
        self.inner()
            .me
            .as_ref()
            .is_some_and(|me| id.is_some() && (id.as_ref() == Some(&me.id) || id == me.lid))
    }

    /// The account's own chat id, once linked.
    pub(crate) fn own_id(&self) -> Option<ChatId> {
        self.inner().me.as_ref().map(|me| me.id.clone())
    }

    pub(crate) fn set_me(&self, me: Option<Me>) {
        self.inner().me = me;
    }

    pub(crate) fn desired(&self) -> Desired {
        self.inner().desired
    }

    pub(crate) fn set_desired(&self, desired: Desired) {
        self.inner().desired = desired;
    }

    pub(crate) fn set_client(&self, client: Option<Arc<Client>>) {
        let number = {
            let mut inner = self.inner();
            inner.client = client;
            inner.client_number += 1;
            inner.client_number
        };
        self.clients.send_replace(number);
    }

    pub(crate) fn set_gate(&self, gate: Gate) {
        self.inner().gate = Some(gate);
    }

    /// The gate of the newest client's store.
    pub(crate) fn gate(&self) -> Option<Gate> {
        self.inner().gate.clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Closed) {
        self.inner().trouble = Some(trouble);
    }

    pub(crate) fn forget_trouble(&self) {
        let mut inner = self.inner();
        inner.trouble = None;
        inner.gate = None;
    }

    /// What keeps this session's databases from being written: known as soon as the gate is closed.
    pub(crate) fn trouble(&self) -> Option<Closed> {
        let inner = self.inner();
        let closed = inner.gate.as_ref().and_then(Gate::closed_by);
        inner.trouble.clone().or_else(|| closed.filter(|closed| !matches!(closed, Closed::Left)))
    }

    /// The client, connected or not.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        self.inner().client.clone()
    }

    pub(crate) fn set_qr(&self, raw: Option<String>, valid: Duration) {
        let until_ms = self.clock.now_ms() + i64::try_from(valid.as_millis()).unwrap_or(i64::MAX / 2);
        self.inner().qr = raw.map(|raw| Qr { raw, until_ms });
    }

    /// The QR code, while it can be scanned.
    pub(crate) fn qr(&self) -> Option<Qr> {
        let now = self.clock.now_ms();
        self.inner().qr.clone().filter(|qr| qr.until_ms >= now)
    }

    /// What the QR code says, and how long it can still be scanned.
    pub(crate) fn qr_and_rest(&self) -> Option<(String, Duration)> {
        let qr = self.qr()?;
        let rest_ms = u64::try_from(qr.until_ms - self.clock.now_ms()).unwrap_or_default();
        Some((qr.raw, Duration::from_millis(rest_ms)))
    }

    pub(crate) fn set_passkey(&self, passkey: Passkey) {
        self.inner().passkey = Some(passkey);
    }

    /// How far a link by passkey is, while one is under way.
    pub(crate) fn passkey(&self) -> Option<Passkey> {
        self.inner().passkey.clone()
    }

    pub(crate) fn evidence(&self) -> Evidence {
        self.inner().evidence
    }

    /// How often this process negotiated all sending chains anew, because an older copy had been put back, and how often it
    /// took the login from a backup.
    pub(crate) fn repairs(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.chains_renewed, inner.logins_restored)
    }

    /// Notes that all sending chains are negotiated anew.
    pub(crate) fn note_renewed(&self) {
        self.inner().chains_renewed += 1;
    }

    /// Notes that the login was taken from a backup.
    pub(crate) fn note_restored(&self) {
        self.inner().logins_restored += 1;
    }

    /// Counts the end of a connection, or of an attempt to make one.
    pub(crate) fn count_lost(&self, cause: &'static str) {
        let mut inner = self.inner();
        *inner.lost.entry(cause).or_default() += 1;
        inner.last_lost = Some(cause);
    }

    /// How many connections and attempts ended, by cause, and the newest cause.
    pub(crate) fn lost(&self) -> (BTreeMap<&'static str, u64>, Option<&'static str>) {
        let inner = self.inner();
        (inner.lost.clone(), inner.last_lost)
    }

    /// What was seen, for whoever hears of it.
    pub(crate) fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// Something was seen that tells whether the session works.
    pub(crate) fn saw(&self, seen: Seen, text: &str) {
        self.sightings.saw(EvidenceEvent { evidence: seen, at: self.clock.now_ms(), text: text.to_owned() });
    }

    /// Messages that could not be read, and did not arrive again.
    pub(crate) fn undecryptable(&self) -> &Undecryptable {
        &self.undecryptable
    }

    /// Notes that something worked, or did not.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Evidence, i64)) {
        let now = self.clock.now_ms();
        change(&mut self.inner().evidence, now);
    }

    /// Since when the server owes an acknowledgement on an open connection, in milliseconds since 1970, when that is too long.
    pub(crate) fn unacknowledged_since(&self) -> Option<i64> {
        self.inner().unacknowledged
    }

    pub(crate) fn set_unacknowledged(&self, since_ms: Option<i64>) {
        self.inner().unacknowledged = since_ms;
    }

    pub(crate) fn configuring(&self) -> &tokio::sync::Mutex<()> {
        &self.configuring
    }

    pub(crate) fn labeling(&self) -> &tokio::sync::Mutex<()> {
        &self.labeling
    }

    /// The change of a label that this device makes just now.
    pub(crate) fn own_label(&self) -> &UnderWay {
        &self.own_label
    }

    pub(crate) fn account(&self) -> &tokio::sync::Mutex<Option<AccountRow>> {
        &self.account
    }

    /// The rows are another account's from now on. Said before the session works for it.
    pub(crate) fn account_changed(&self) {
        // What was seen with the former account's eyes.
        self.calls.clear();
        self.pictures.clear();
        self.blocked.forget();
        self.groups_asked_ms.store(i64::MIN, Ordering::Release);
        self.accounts.send_modify(|changes| *changes += 1);
    }

    /// How often the rows changed hands; a send belongs to the account of its time.
    pub(crate) fn account_changes(&self) -> u64 {
        *self.accounts.borrow()
    }

    /// Waits until the rows have changed hands since `changes` was read.
    pub(crate) async fn until_other_account(&self, changes: u64) {
        let _ = self.accounts.subscribe().wait_for(|now| *now != changes).await;
    }

    pub(crate) fn note_for_people(&self) -> Option<String> {
        self.inner().note.clone()
    }

    pub(crate) fn set_note(&self, note: Option<String>) {
        self.inner().note = note;
    }

    /// Sets status and reason; `true` when the status changed.
    pub(crate) fn set_status(&self, status: SessionStatus, reason: Option<String>) -> bool {
        let now = self.clock.now_ms();
        {
            let mut inner = self.inner();
            inner.reason = reason;
            if status != SessionStatus::ScanQrCode {
                inner.qr = None;
            }
            if !matches!(status, SessionStatus::PasskeyRequired | SessionStatus::PasskeyConfirmationRequired)
            {
                inner.passkey = None;
            }
            if inner.statuses.back().map(|change| change.status) != Some(status) {
                inner.statuses.push_back(StatusChange { status, timestamp: now });
            }
            while inner.statuses.len() > STATUSES_KEPT {
                inner.statuses.pop_front();
            }
        }
        self.status.send_if_modified(|old| std::mem::replace(old, status) != status)
    }

    pub(crate) fn info(&self) -> SessionInfo {
        let status = self.status();
        let inner = self.inner();
        let activity = inner.evidence.latest().max(inner.statuses.back().map(|change| change.timestamp));
        SessionInfo {
            name: self.name.clone(),
            status,
            config: inner.config.clone(),
            me: inner.me.clone(),
            presence: (status == SessionStatus::Working).then(|| self.presences.own()),
            timestamps: Timestamps { activity },
            engine: Engine::default(),
            apps: None,
            assigned_worker: None,
            reason: inner.reason.clone(),
            statuses: inner.statuses.iter().copied().collect(),
        }
    }

    /// Writes the session's row as it is now.
    pub(crate) async fn store(&self, journal: &Journal) -> Result<(), StorageError> {
        let _alone = self.writing.lock().await;
        let row = {
            let status = self.status();
            let inner = self.inner();
            let since_ms = inner.statuses.back().map_or(inner.created_ms, |change| change.timestamp);
            SessionRow {
                name: self.name.as_str().to_owned(),
                config_json: inner.config.to_stored(),
                desired: inner.desired,
                created_ms: inner.created_ms,
                updated_ms: self.clock.now_ms(),
                me_json: inner.me.as_ref().and_then(|me| serde_json::to_string(me).ok()),
                status: Some(StoredStatus { status: status.as_str().to_owned(), since_ms }),
            }
        };
        let stored = match journal.rows() {
            Ok(rows) => rows.put_session(row).await,
            Err(error) => Err(error),
        };
        self.unstored.store(stored.is_err(), Ordering::Release);
        stored
    }

    /// Writes the row again when the last attempt failed.
    pub(crate) async fn store_if_unstored(&self, journal: &Journal) -> Result<(), StorageError> {
        if self.unstored.load(Ordering::Acquire) { self.store(journal).await } else { Ok(()) }
    }
}

/// The settings that are stored of a session.
pub(crate) fn stored_config(row: &SessionRow, name: &SessionName) -> SessionConfig {
    serde_json::from_str(&row.config_json).unwrap_or_else(|error: serde_json::Error| {
        tracing::error!(session = %name, line = error.line(), column = error.column(),
            "the session's stored settings cannot be read; it has none until they are given again");
        SessionConfig::default()
    })
}
