//! The stored half of a session: a Baileys folder and its backups.

use std::path::PathBuf;
use std::sync::Arc;

use wakeeper_doctor::address::Address;
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::{Examination, Options};
use wakeeper_doctor::finding::Severity;
use wakeeper_doctor::findings::codes::SIGNAL_SESSION_FAILING;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::state::SessionState;
use wakeeper_doctor::symptoms::PeerFailures;

use crate::clock::Clock;
use crate::ladder::Rung;
use crate::session::{Examined, Order, RepairReport, SessionError, blocking};

/// Where a session is stored, and how its backups are kept.
#[derive(Clone)]
pub struct SessionFolder {
    /// The folder of credentials and Signal state.
    pub auth_info: PathBuf,
    /// Where the session lies, when the folder is a copy of it, or reached by another way.
    pub home: Option<PathBuf>,
    /// `baileys_store.json`, if it belongs to the session.
    pub store: Option<PathBuf>,
    /// The backup folder.
    pub shelf: PathBuf,
    /// The session's name in the backup folder.
    pub label: String,
    /// Encrypts and opens backups.
    pub passphrase: Option<Passphrase>,
    /// The release of Baileys that runs on it, where that is known.
    pub version: Option<Version>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl SessionFolder {
    /// Examines the folder. Never writes.
    pub async fn examine(&self, peer_failures: &[PeerFailures]) -> Result<Examined, SessionError> {
        let (folder, peer_failures) = (self.clone(), peer_failures.to_vec());
        blocking(move || folder.examine_now(&peer_failures)).await
    }

    /// What an order would change. Never writes.
    pub async fn plan(&self, order: &Order) -> Result<RepairReport, SessionError> {
        let (folder, order) = (self.clone(), order.clone());
        blocking(move || folder.clean(&order, true)).await
    }

    /// Carries an order out, after a verified backup. Whatever runs on the folder must be stopped.
    pub async fn repair(&self, order: &Order) -> Result<RepairReport, SessionError> {
        let (folder, order) = (self.clone(), order.clone());
        blocking(move || folder.clean(&order, false)).await
    }

    fn options<'a>(&'a self, peer_failures: &'a [PeerFailures], peers: &'a [Address]) -> Options<'a> {
        Options {
            store: self.store.as_deref(),
            home: self.home.as_deref(),
            peer_failures,
            peers,
            version: self.version,
            passphrase: self.passphrase.as_ref(),
            ..Options::at(self.clock.now_ms())
        }
    }

    fn examine_now(&self, peer_failures: &[PeerFailures]) -> Result<Examined, SessionError> {
        let options = self.options(peer_failures, &[]);
        let examination = Examination::of(&self.auth_info, &options).map_err(SessionError::of)?;
        let findings = examination.findings(&options);
        let credentials = examination.credentials_state(&findings);
        let state = examination.state();
        let is_failing = |trouble: &&PeerFailures| {
            let named = findings.iter().filter(|finding| finding.code == SIGNAL_SESSION_FAILING);
            named.filter_map(|finding| finding.peer.as_ref()).any(|peer| trouble.concerns(&state, peer))
        };
        let failing = peer_failures.iter().filter(is_failing).map(|trouble| trouble.peer.clone()).collect();
        let used = |trouble: &PeerFailures| Some((trouble.peer.clone(), last_used(&state, trouble)?));
        let used_ms = peer_failures.iter().filter_map(used).collect();
        let findings = findings.into_iter().filter(|finding| finding.severity >= Severity::Warning).collect();
        Ok(Examined { findings, credentials, failing, used_ms })
    }

    fn clean(&self, order: &Order, dry_run: bool) -> Result<RepairReport, SessionError> {
        // That the log shows failures which the files have overcome is known better once everything stands still, so
        // the failures are judged again here instead of naming contacts outright.
        let options = self.options(&order.peer_failures, &[]);
        let full = order.rung == Rung::FullReset;
        let extent = match (full, dry_run) {
            (true, _) => Extent::Everything,
            // What is only stale is no reason to stop a gateway,
            (false, true) => Extent::Damaged,
            // and goes along when it stands still anyway.
            (false, false) => Extent::Stale,
        };
        let approve = |outcome: &Outcome| full || outcome.login_kept;
        let how = CleanOptions {
            extent,
            dry_run,
            shelf: &self.shelf,
            label: &self.label,
            passphrase: self.passphrase.as_ref(),
            approve: Some(&approve),
        };
        let outcome = clean(&self.auth_info, &options, &how).map_err(SessionError::of)?;
        Ok(RepairReport {
            plan: outcome.plan,
            applied: outcome.applied,
            login_kept: outcome.login_kept,
            backup: outcome.backup,
            healthy: outcome.healthy,
            notes: outcome.notes,
        })
    }
}

fn last_used(state: &SessionState, trouble: &PeerFailures) -> Option<i64> {
    let sessions = state.signal_sessions.iter().filter(|(address, _)| trouble.concerns(state, address));
    sessions.map(|(_, facts)| facts.used.max(facts.open_created.unwrap_or(0))).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn stale_files_go_along_with_a_repair_and_never_cause_one() {
        let data = tempfile::tempdir().unwrap();
        let folder = SessionFolder {
            auth_info: data.path().join("auth_info"),
            home: None,
            store: None,
            shelf: data.path().join("backups"),
            label: "auth_info".to_owned(),
            passphrase: None,
            version: None,
            clock: Arc::new(SystemClock),
        };
        std::fs::create_dir(&folder.auth_info).unwrap();
        let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys6");
        for item in std::fs::read_dir(fixture).unwrap().map(Result::unwrap) {
            std::fs::copy(item.path(), folder.auth_info.join(item.file_name())).unwrap();
        }
        let leftover = folder.auth_info.join("creds.json.tmp");
        std::fs::write(&leftover, "half a file").unwrap();
        let order = Order { rung: Rung::Records, peer_failures: Vec::new() };
        let plan = folder.plan(&order).await.unwrap().plan;
        assert!(plan.iter().all(|step| step.path != "creds.json.tmp"), "{plan:?}");

        let session = folder.auth_info.join("session-6281100000002.0.json");
        let content = std::fs::read(&session).unwrap();
        std::fs::write(&session, &content[..content.len() / 2]).unwrap();
        let report = folder.repair(&order).await.unwrap();
        assert!(report.applied && report.login_kept && report.healthy, "{report:?}");
        assert!(!leftover.exists() && !session.exists());
        assert!(folder.auth_info.join("pre-key-4.json").exists(), "what may be used stays");
    }
}
