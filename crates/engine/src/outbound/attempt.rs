//! Hands a stored send to WhatsApp until it has it.

use std::time::Duration;

use wakeeper_storage::{Change, SendState, StorageError};
use wakeeper_waha::Payload;
use whatsapp_rust::send::{SendError as ClientError, SendOptions};
use whatsapp_rust::{Client, Jid};

use super::Outbound;
use super::composer::PreparedMessage;
use super::error::SendError;
use super::inflight::Acknowledged;
use crate::inbound::acks::Job;
use crate::life::account;

/// How long the server may take to acknowledge one attempt.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts that fail for reasons other than the connection.
const ATTEMPTS: u32 = 3;

/// Whether WhatsApp may have a send already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Repeat,
}

impl Outbound {
    /// Hands a stored send to WhatsApp, again and again under the same id until the server has it.
    pub(super) async fn deliver(
        &self,
        prepared: &PreparedMessage,
        id: &str,
        account: u64,
        turn: Turn,
    ) -> Result<Option<Payload>, SendError> {
        self.inflight.begin(id);
        let mut result = tokio::select! {
            biased;
            () = self.state.until_other_account(account) => Err(SendError::OtherAccount),
            () = self.gone.cancelled() => Err(self.is_gone().into()),
            result = self.attempts(prepared, id, account, turn) => result,
        };
        if matches!(result, Err(SendError::OtherAccount))
            && let Err(error) = self.fail(id, account::REASON).await
        {
            result = Err(error.into());
        }
        let held = self.inflight.end(id);
        if !held.is_empty() {
            let _ = self.jobs.send(Job::Held(held));
        }
        result
    }

    async fn attempts(
        &self,
        prepared: &PreparedMessage,
        id: &str,
        account: u64,
        mut turn: Turn,
    ) -> Result<Option<Payload>, SendError> {
        let to: Jid = prepared
            .chat
            .to_wire()
            .parse()
            .map_err(|_| SendError::InvalidRequest("no such chat".to_owned()))?;
        let mut failures = 0;
        loop {
            let client = self.state.until_working().await.ok_or_else(|| self.is_gone())?;
            // The number changes before the session works for it, so whoever sees it work sees the change.
            if self.state.account_changes() != account {
                return Err(SendError::OtherAccount);
            }
            self.state.server_witness().before_send(&client, self.state.name()).await;
            let repeats = turn == Turn::Repeat && prepared.chat.is_group();
            let _repeat = repeats.then(|| self.state.repeats().begin(to.to_string()));
            // Nor does anybody have the key from the send before, which the server may never have got.
            if repeats
                && client.persistence_manager().clear_sender_key_devices(&to.to_string()).await.is_err()
            {
                // The store failed: its gate is closed, and the send waits for the next client.
                continue;
            }
            turn = Turn::Repeat;
            let acknowledged = self.inflight.attempt(id);
            let handing = self.state.handed_over().begin(id, prepared.proto());
            let options = SendOptions::default().with_message_id(id);
            match client.send_message_with_options(to.clone(), prepared.message.clone(), options).await {
                Ok(_) => drop(handing),
                Err(error) => {
                    self.after_error(&client, &error, id, &mut failures).await?;
                    continue;
                }
            }
            let answer = tokio::select! {
                answer = acknowledged => answer.ok(),
                () = self.state.until_not_working() => None,
                () = tokio::time::sleep(ACK_TIMEOUT) => None,
            };
            match answer {
                Some(Acknowledged { refused: None, timestamp_s }) => {
                    return self.acknowledged(&client, prepared, id, timestamp_s).await;
                }
                Some(Acknowledged { refused: Some(code), .. }) => {
                    self.fail(id, &code).await?;
                    return Err(SendError::Rejected { code });
                }
                None => {
                    tracing::debug!(session = %self.state.name(), "no acknowledgement; sending again under the same id");
                }
            }
        }
    }

    /// Decides after a failed attempt: wait for the connection, try again, or give up.
    async fn after_error(
        &self,
        client: &Client,
        error: &ClientError,
        id: &str,
        failures: &mut u32,
    ) -> Result<(), SendError> {
        // A client that could not store its ratchets did not send: the send waits for its successor.
        if self.state.trouble().is_some() || !client.is_connected() || !client.is_logged_in() {
            // The status follows the connection within moments; then the loop waits for it.
            let _ = tokio::time::timeout(Duration::from_millis(500), self.state.until_not_working()).await;
            return Ok(());
        }
        *failures += 1;
        let final_error = matches!(error, ClientError::InvalidRequest(_));
        if !final_error && *failures < ATTEMPTS {
            tokio::time::sleep(Duration::from_millis(200) * *failures).await;
            return Ok(());
        }
        let reason = match error {
            ClientError::InvalidRequest(_) => "WhatsApp's client refuses this kind of message to this chat",
            ClientError::Iq(_) => "WhatsApp did not tell the receiver's devices",
            _ => "it could not be encrypted or handed over",
        };
        tracing::warn!(session = %self.state.name(), reason, "a send failed");
        self.fail(id, reason).await?;
        Err(SendError::Failed { reason })
    }

    pub(super) async fn fail(&self, id: &str, reason: &str) -> Result<(), StorageError> {
        let now_ms = self.state.clock().now_ms();
        let change = Change::Send {
            message_id: id.to_owned(),
            state: SendState::Failed,
            error: Some(reason.to_owned()),
            now_ms,
        };
        self.journal.commit_patiently(vec![change]).await
    }
}
