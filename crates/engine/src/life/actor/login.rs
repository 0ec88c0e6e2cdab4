//! The session's login: how it is linked, whose it is, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use wakeeper_delivery::webhook::SessionContext;
use wakeeper_waha::SessionStatus;
use whatsapp_rust::Client;
use whatsapp_rust::pair_code::{PairCodeError, PairCodeOptions, PairError};

use super::{Actor, CONNECT};
use crate::life::backoff::{self, Cause};
use crate::ops::pairing::PairingError;
use crate::{EngineError, address, life::account, life::credentials};

/// How long logging out at WhatsApp may take.
const LOGOUT: Duration = Duration::from_secs(15);

impl Actor {
    /// The phone linked this device: the server ends this connection (515), and the login is on the next one.
    pub(super) async fn logging_in_anew(&mut self) {
        self.deadline = Some(Instant::now() + CONNECT);
        self.cause = Some(Cause::Linked);
        self.enter(SessionStatus::Starting, Some(backoff::explain(&Cause::Linked))).await;
    }

    /// Sets the rows of another number apart. When that fails, the session must not work: `false`.
    pub(super) async fn settle_account(&mut self) -> bool {
        let Some(client) = self.parts.state.client() else { return false };
        let Err(error) = account::settle(&self.parts.state, &self.parts.journal, &client).await else {
            return true;
        };
        drop(client);
        tracing::error!(session = %self.parts.state.name(), %error, "the rows of another account were not set apart");
        self.close().await;
        let reason = "its rows cannot be written, so it is not known whose they are; trying again";
        self.give_up(Cause::Engine, Some(reason.to_owned())).await;
        false
    }

    pub(super) async fn remember_account(&self) {
        let Some(me) = self.parts.state.client().and_then(|client| address::me(&client)) else { return };
        if self.parts.state.me().as_ref() == Some(&me) {
            return;
        }
        self.parts.state.set_me(Some(me));
        self.tell_webhooks();
        self.store().await;
    }

    pub(super) fn tell_webhooks(&self) {
        let state = &self.parts.state;
        match SessionContext::new(state.name().as_str(), &state.config(), state.me().as_ref()) {
            Ok(context) => self.parts.journal.sink().set_session(state.name(), context),
            Err(error) => {
                tracing::error!(session = %state.name(), %error, "the session's webhooks cannot work");
            }
        }
    }

    /// Keeps the credentials of a login that is over aside, so that the next start links anew.
    pub(super) async fn forget_login(&mut self) {
        let state = &self.parts.state;
        let account = state.account().lock().await.as_ref().map(|account| account.id.clone());
        let account = account.or_else(|| state.own_id().map(|id| id.to_string()));
        // Its word first: rows that know no login any more never make a missing database look like a lost one.
        self.run = None;
        state.set_me(None);
        self.tell_webhooks();
        self.store().await;
        let forgotten = match self.parts.journal.rows() {
            Ok(rows) => rows.forget_generation().await,
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            tracing::error!(session = %state.name(), %error, "the rows still know of the old login");
            self.remembered = true;
        }
        state.retry_requests().forget();
        self.parts.history.forget();
        match credentials::set_aside(&self.parts.folder, account.as_deref(), state.clock().now_ms()) {
            Ok(aside) => {
                tracing::warn!(session = %state.name(), kept = %aside.display(), "logged out; the old credentials are kept aside");
            }
            Err(error) => {
                tracing::error!(session = %state.name(), %error, "the old credentials could not be kept aside");
            }
        }
        match credentials::prune_set_aside(&self.parts.folder, state.clock().now_ms()) {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(session = %state.name(), removed, "old credentials that were kept aside are removed");
            }
            Err(error) => {
                tracing::warn!(session = %state.name(), %error, "old credentials that are kept aside stay");
            }
        }
        state.set_note(None);
    }

    pub(super) async fn log_out(&mut self) -> Result<(), EngineError> {
        let Some(connection) = self.connection.take() else { return self.log_out_unconnected().await };
        self.round += 1;
        self.forget_connection();
        self.log_close("logged out by the owner");
        self.parts.state.set_client(None);
        if tokio::time::timeout(LOGOUT, connection.client.logout()).await.is_err() {
            tracing::warn!(session = %self.parts.state.name(), "WhatsApp did not confirm the logout; remove the device on the phone too");
        }
        drop(connection.close().await);
        self.forget_login().await;
        if self.started {
            self.connect().await;
        } else {
            self.enter(SessionStatus::Stopped, None).await;
        }
        Ok(())
    }

    /// Without a connection WhatsApp cannot be told; the login is kept aside all the same, as its owner wants.
    async fn log_out_unconnected(&mut self) -> Result<(), EngineError> {
        match self.is_owner().await {
            Ok(true) => {}
            Ok(false) => return Err(EngineError::NotOwner(self.parts.state.name().clone())),
            Err(closed) => {
                return Err(match closed.trouble() {
                    Some(trouble) => EngineError::Disk { trouble: Arc::clone(trouble) },
                    None => EngineError::Gone(self.parts.state.name().clone()),
                });
            }
        }
        // One that lives elsewhere is that one's to log out.
        credentials::is_ours(&self.parts.folder, self.parts.state.name())?;
        self.retry = None;
        let mut reason = None;
        if credentials::is_there(&self.parts.folder) {
            self.forget_login().await;
            reason = Some(
                "it was logged out while it was not connected, so WhatsApp was not told: remove the device on the phone too"
                    .to_owned(),
            );
        }
        if self.started {
            self.connect_afresh().await;
        } else {
            self.enter(SessionStatus::Stopped, reason).await;
        }
        Ok(())
    }

    pub(super) fn pairing_code(&self, phone: String, done: oneshot::Sender<Result<String, PairingError>>) {
        let state = &self.parts.state;
        let not_ready = |status| {
            PairingError::from(EngineError::NotReady {
                session: state.name().clone(),
                status,
                expected: vec![SessionStatus::ScanQrCode],
            })
        };
        match (state.status(), &self.connection) {
            (SessionStatus::ScanQrCode, Some(connection)) => {
                let (client, tasks) = (Arc::clone(&connection.client), connection.tasks().clone());
                let ended = not_ready(SessionStatus::Stopped);
                tokio::spawn(async move {
                    let code = tasks.within(async { request_pairing_code(&client, phone).await }).await;
                    let _ = done.send(code.unwrap_or(Err(ended)));
                });
            }
            (status, _) => {
                let _ = done.send(Err(not_ready(status)));
            }
        }
    }
}

async fn request_pairing_code(client: &Arc<Client>, phone: String) -> Result<String, PairingError> {
    let ask = || PairCodeOptions { phone_number: phone.clone(), ..PairCodeOptions::default() };
    let mut result = client.pair_with_code(ask()).await;
    if matches!(result, Err(PairError::PairCode(PairCodeError::CodeAlreadyOutstanding { .. }))) {
        // The caller wants a code now; the earlier one is void from here on.
        client.cancel_pair_code().await;
        result = client.pair_with_code(ask()).await;
    }
    result.map_err(|error| PairingError::Refused { reason: error.to_string(), retry_after: error.backoff() })
}
