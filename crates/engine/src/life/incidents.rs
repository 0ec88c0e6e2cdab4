//! What becomes an incident of a session: what the engine sees and already deals with. It decides nothing, and never waits.

use tokio::sync::watch;
use wakeeper_model::SessionName;
use wakeeper_recovery::{IncidentLog, Kind, Repaired};
use wakeeper_waha::SessionStatus;

use crate::life::backoff::Cause;

/// The incidents of one session. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SessionIncidents {
    log: IncidentLog,
    session: SessionName,
    status: watch::Receiver<SessionStatus>,
}

impl SessionIncidents {
    pub(crate) fn new(
        log: IncidentLog,
        session: SessionName,
        status: watch::Receiver<SessionStatus>,
    ) -> Self {
        Self { log, session, status }
    }

    /// A connection ended. Most ends pass by themselves and are none.
    pub(crate) fn ended(&self, cause: &Cause, reason: &str) {
        if let Some(kind) = kind_of(cause) {
            self.failed(kind, reason);
        }
    }

    /// The session does not work until somebody acts.
    pub(crate) fn failed(&self, kind: Kind, reason: &str) {
        self.log.failed(self.session.as_str(), kind, reason.to_owned());
    }

    /// Something of its stored state was damaged and has been repaired.
    pub(crate) fn repaired(&self, found: &str, done: &str) {
        self.tell_repaired(Kind::State, found, done);
    }

    /// An older copy was put back, and does no harm.
    pub(crate) fn older_copy(&self, because: &str) {
        let found = format!("this may be an older copy of the session: {because}");
        let done = "all sending chains are negotiated anew before anything is sent";
        self.tell_repaired(Kind::OlderCopy, &found, done);
    }

    fn tell_repaired(&self, kind: Kind, found: &str, done: &str) {
        let works = *self.status.borrow() == SessionStatus::Working;
        let repaired = Repaired { found: found.to_owned(), done: done.to_owned(), works };
        self.log.repaired(self.session.as_str(), kind, repaired);
    }

    /// The session works.
    pub(crate) fn works(&self) {
        self.log.works(self.session.as_str());
    }
}

/// What an end is an incident of: those after which only a person, or a long time, helps. That a session was moved, or that
/// its settings ask for what cannot be, is its owner's own doing.
fn kind_of(cause: &Cause) -> Option<Kind> {
    match cause {
        Cause::LoggedOut => Some(Kind::LoggedOut),
        Cause::Locked | Cause::Outdated | Cause::Banned { .. } => Some(Kind::Refused),
        Cause::Replaced => Some(Kind::TwoOwners),
        Cause::LoginLost => Some(Kind::State),
        Cause::QrExpired
        | Cause::Linked
        | Cause::Unreachable(_)
        | Cause::Unanswered(_)
        | Cause::ClosedEarly(_)
        | Cause::Lost(_)
        | Cause::Deaf
        | Cause::RestartRequired
        | Cause::Unavailable
        | Cause::Disk
        | Cause::NotStored
        | Cause::OlderCopy
        | Cause::Engine
        | Cause::ServerBusy
        | Cause::Refused(_)
        | Cause::Moved
        | Cause::Proxy => None,
    }
}
