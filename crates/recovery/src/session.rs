//! What the policy's hands need of a session, wherever it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use async_trait::async_trait;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::finding::{Finding, Severity, Subject};
use wakeeper_doctor::findings::codes;
use wakeeper_doctor::repair::Action;
use wakeeper_doctor::symptoms::PeerFailures;

use crate::ladder::Rung;

/// A session that can be watched and repaired: in a container, in a folder, or inside the gateway.
#[async_trait]
pub trait ManagedSession: Send + Sync {
    /// Its name, as rows, metrics and alerts know it.
    fn name(&self) -> &str;

    /// How far it is within reach.
    fn access(&self) -> Access;

    /// Examines the stored state in the light of what the log shows. Never writes; whatever runs may go on.
    ///
    /// # Errors
    /// When the stored state is out of reach.
    async fn examine(&self, peer_failures: &[PeerFailures]) -> Result<Examined, SessionError>;

    /// What an order would change. Never writes; whatever runs may go on.
    ///
    /// # Errors
    /// When the stored state is out of reach, or no plan can be made.
    async fn plan(&self, order: &Order) -> Result<RepairReport, SessionError>;

    /// Carries an order out, after a verified backup. Whether something is stopped for that, and started again come what
    /// may, is the session's own business; `progress` hears of what was changed before it is started. The caretaker counts the
    /// time that it takes as downtime.
    ///
    /// # Errors
    /// When the order was not carried out, or what was stopped did not come up well.
    async fn apply(&self, order: &Order, progress: &dyn Progress) -> Result<Applied, ApplyError>;
}

/// How far a session is within reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It can be examined and repaired.
    Full,
    /// It can only be looked at; the text says why.
    ReportOnly(String),
}

/// Hears how far a repair came.
#[async_trait]
pub trait Progress: Send + Sync {
    /// The stored state is repaired; what was stopped stands still yet.
    async fn repaired(&self, report: &RepairReport);
}

/// An order that was carried out.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What it changed.
    pub report: RepairReport,
    /// Symptoms before that time are history, milliseconds since 1970.
    pub since_ms: i64,
}

/// An order that was not carried out, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyError {
    /// Why.
    pub error: SessionError,
    /// Something was stopped for it, or changed.
    pub begun: bool,
}

/// What an examination showed.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What is wrong, warnings and errors.
    pub findings: Vec<Finding>,
    /// The state of the login.
    pub credentials: CredentialsState,
    /// Contacts in trouble whose stored Signal session is older than their last failure.
    pub failing: BTreeSet<Address>,
    /// When the Signal session with a contact in trouble was last made or used, milliseconds since 1970.
    pub used_ms: BTreeMap<Address, i64>,
}

impl Examined {
    /// Damage that stands in the files, whatever a log says, and that a program may repair. The store is left out: it
    /// holds no keys, and the gateway rewrites it all the time.
    pub fn damage(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| {
            finding.severity == Severity::Error
                && finding.repair.is_automatic()
                && finding.subject != Subject::ChatStore
                && Rung::of_finding(finding) != Rung::SignalSession
        })
    }

    /// Published pre-keys that are gone cost nothing until a contact is given one of them: what was a warning is damage
    /// then.
    pub(crate) fn pre_keys_are_asked_for(&mut self) {
        for finding in self.findings.iter_mut().filter(|finding| is_about_missing_pre_keys(finding)) {
            finding.severity = Severity::Error;
        }
    }

    /// The only damage is one that contacts overcome by themselves, with one more message sent anew.
    pub(crate) fn is_only_missing_pre_keys(&self) -> bool {
        self.failing.is_empty() && self.rung().is_some() && self.damage().all(is_about_missing_pre_keys)
    }

    /// There was a login, and it is damaged or gone. A device that was never linked has none.
    pub fn login_damaged(&self) -> bool {
        self.damage().any(|finding| Rung::of_finding(finding) == Rung::Credentials)
    }

    /// The highest rung that the evidence asks for; `None` when nothing is there to repair.
    pub fn rung(&self) -> Option<Rung> {
        let failing = (!self.failing.is_empty()).then_some(Rung::SignalSession);
        self.damage().map(Rung::of_finding).max().max(failing)
    }

    /// What is wrong in a few words; no numbers of contacts, because it ends in logs and alerts.
    pub fn describe(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in self.damage() {
            *counts.entry(finding.code.as_str()).or_default() += 1;
        }
        if !self.failing.is_empty() {
            counts.insert(codes::SIGNAL_SESSION_FAILING.as_str(), self.failing.len());
        }
        if counts.is_empty() {
            return "the examination found no damage".to_owned();
        }
        let list: Vec<_> = counts.iter().map(|(code, count)| format!("{code} ({count})")).collect();
        format!("the examination found {}", list.join(", "))
    }
}

fn is_about_missing_pre_keys(finding: &Finding) -> bool {
    finding.code == codes::PRE_KEYS_MISSING
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How high on the ladder.
    pub rung: Rung,
    /// Contacts whose Signal sessions are given up, with what the log shows of them. Empty where the damage lies
    /// elsewhere.
    pub peer_failures: Vec<PeerFailures>,
}

/// What an order changed, or would change.
#[derive(Debug, Clone, Default)]
pub struct RepairReport {
    /// The steps.
    pub plan: Vec<Action>,
    /// They were carried out.
    pub applied: bool,
    /// The login is sound after it.
    pub login_kept: bool,
    /// The backup that was made first.
    pub backup: Option<PathBuf>,
    /// Nothing of severity `error` is left.
    pub healthy: bool,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Something that could not be done, in words for people: what, to which session or file, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SessionError(pub String);

impl SessionError {
    /// From any error.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Runs synchronous work on another thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SessionError> + Send + 'static,
) -> Result<T, SessionError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SessionError(format!("the work on its files broke off: {error}"))),
    }
}
