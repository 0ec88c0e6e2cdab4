use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wakeeper_model::Clock;
use wakeeper_waha::SessionActions;

use crate::rate::Rate;
use crate::scope::Scope;

/// What one key is good for, as it was when it was read. A changed key is another one of these.
#[derive(Debug)]
pub(crate) struct Grant {
    pub id: String,
    pub hash: [u8; 64],
    pub hint: String,
    pub is_active: bool,
    pub is_admin: bool,
    pub session: Option<String>,
    pub actions: Option<SessionActions>,
    pub rate_per_minute: Option<u32>,
    pub created_ms: i64,
    pub rate: Option<Rate>,
    /// Set when the key was changed or deleted, so that what is under way for longer notices.
    pub is_over: AtomicBool,
}

/// Whoever asks for something: the administrator, or the holder of a key.
#[derive(Clone, Debug)]
pub struct Caller {
    grant: Option<Arc<Grant>>,
    clock: Clock,
}

/// Why a caller is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is not good for this.
    Scope(Scope),
    /// The key is good for another session.
    Session,
    /// The key was used too often.
    Rate(Duration),
}

impl Caller {
    /// The administrator.
    #[must_use]
    pub fn administrator() -> Self {
        Self { grant: None, clock: Clock::system() }
    }

    pub(crate) fn holder(grant: Arc<Grant>, clock: Clock) -> Self {
        Self { grant: Some(grant), clock }
    }

    /// The id of the key; `None` for the administrator's.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.grant.as_ref().map(|grant| grant.id.as_str())
    }

    /// Whether it may do everything.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.is_admin)
    }

    /// The one session that it is limited to.
    #[must_use]
    pub fn only_session(&self) -> Option<&str> {
        self.grant.as_ref().filter(|grant| !grant.is_admin)?.session.as_deref()
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`Refusal::Rate`].
    pub fn count(&self) -> Result<(), Refusal> {
        let Some(rate) = self.grant.as_ref().and_then(|grant| grant.rate.as_ref()) else { return Ok(()) };
        rate.take(self.clock.now_ms()).map_err(Refusal::Rate)
    }

    /// Whether it may do something of this kind.
    ///
    /// # Errors
    /// [`Refusal::Scope`].
    pub fn may(&self, scope: Scope) -> Result<(), Refusal> {
        let allowed = self.grant.as_ref().is_none_or(|grant| grant.is_admin || scope.is_in(grant.actions));
        if allowed { Ok(()) } else { Err(Refusal::Scope(scope)) }
    }

    /// Whether it may do that with this session.
    ///
    /// # Errors
    /// [`Refusal::Session`].
    pub fn reaches(&self, session: &str) -> Result<(), Refusal> {
        let allowed = self.only_session().is_none_or(|only| only == session);
        if allowed { Ok(()) } else { Err(Refusal::Session) }
    }

    /// Whether its key is still the one that it was: neither changed nor revoked.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.grant.as_ref().is_none_or(|grant| !grant.is_over.load(Ordering::Acquire))
    }
}
