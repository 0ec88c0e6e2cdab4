//! A link by passkey: what WhatsApp asks for, and what people do.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use wakeeper_waha::{PasskeyChallenge, SessionStatus};
use whatsapp_rust::Client;
use whatsapp_rust::passkey::PasskeyError;

use super::{Actor, PASSKEY};
use crate::EngineError;
use crate::life::backoff::Cause;
use crate::ops::pairing::PairingError;
use crate::ops::passkey::{Passkey, PasskeyStep};

/// Longest options that are taken, in bytes.
const LONGEST_OPTIONS: usize = 64 << 10;

impl Actor {
    /// WhatsApp asks for the account's passkey.
    pub(super) async fn passkey_asked(&mut self, options: &str) {
        let challenge = if options.len() <= LONGEST_OPTIONS {
            serde_json::from_str::<PasskeyChallenge>(options).ok()
        } else {
            None
        };
        let Some(challenge) = challenge else {
            return self.passkey_failed("what WhatsApp wants signed cannot be understood").await;
        };
        self.parts.state.set_passkey(Passkey::Asked(challenge));
        self.passkey_status(
            SessionStatus::PasskeyRequired,
            "WhatsApp asks for the account's passkey before it links this device: sign what \
             GET /api/{session}/auth/passkey/challenge says with it, and POST the answer to /api/{session}/auth/passkey",
        )
        .await;
    }

    /// WhatsApp took the passkey's answer.
    pub(super) async fn passkey_code(&mut self, code: String, to_compare: bool) {
        self.parts.state.set_passkey(Passkey::Compared(code));
        if !to_compare {
            // WhatsApp knows this device from before, so nobody is asked.
            let (done, _) = oneshot::channel();
            self.run_passkey_step(PasskeyStep::Confirm, done);
        }
        self.passkey_status(
            SessionStatus::PasskeyConfirmationRequired,
            "compare the code of GET /api/{session}/auth/passkey/confirmation with the phone's, and when they are the same, \
             POST /api/{session}/auth/passkey/confirm",
        )
        .await;
    }

    /// The link by passkey went wrong: it begins anew, with a new QR code.
    pub(super) async fn passkey_failed(&mut self, why: &str) {
        tracing::warn!(session = %self.parts.state.name(), why, "linking by passkey failed");
        self.close().await;
        self.give_up(Cause::QrExpired, Some(format!("linking by passkey failed: {why}; scan the new code")))
            .await;
    }

    async fn passkey_status(&mut self, status: SessionStatus, reason: &str) {
        self.deadline = Some(Instant::now() + PASSKEY);
        let reason = reason.replace("{session}", self.parts.state.name().as_str());
        self.enter(status, Some(reason)).await;
    }

    /// Does what a person wants of a link by passkey.
    pub(super) fn passkey_step(&self, step: PasskeyStep, done: oneshot::Sender<Result<(), PairingError>>) {
        let status = self.parts.state.status();
        if status == step.expected() && self.connection.is_some() {
            return self.run_passkey_step(step, done);
        }
        let _ = done.send(Err(self.not_ready(status, &step)));
    }

    fn run_passkey_step(&self, step: PasskeyStep, done: oneshot::Sender<Result<(), PairingError>>) {
        let Some(connection) = &self.connection else { return };
        let (client, tasks) = (Arc::clone(&connection.client), connection.tasks().clone());
        let ended = self.not_ready(SessionStatus::Stopped, &step);
        tokio::spawn(async move {
            let result = tasks.within(async { give(&client, step).await }).await;
            let result = match result {
                Some(result) => result.map_err(|error| PairingError::Passkey { reason: error.to_string() }),
                None => Err(ended),
            };
            let _ = done.send(result);
        });
    }

    fn not_ready(&self, status: SessionStatus, step: &PasskeyStep) -> PairingError {
        let session = self.parts.state.name().clone();
        EngineError::NotReady { session, status, expected: vec![step.expected()] }.into()
    }
}

async fn give(client: &Client, step: PasskeyStep) -> Result<(), PasskeyError> {
    match step {
        PasskeyStep::Answer(assertion) => client.send_passkey_response(assertion).await,
        PasskeyStep::Confirm => client.send_passkey_confirmation().await,
    }
}
