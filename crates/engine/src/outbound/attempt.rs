//! Hands a stored send to WhatsApp until it has it.

use std::time::Duration;

use tokio::sync::oneshot;
use wakeeper_model::ChatKind;
use wakeeper_storage::{Change, SendState, StorageError};
use wakeeper_waha::Payload;
use whatsapp_rust::send::{SendError as ClientError, SendOptions};
use whatsapp_rust::{Client, IqError, Jid, StatusSendOptions};

use super::Outbound;
use super::channel;
use super::chat_order::Place;
use super::composer::PreparedMessage;
use super::error::SendError;
use super::group_sends::GroupSend;
use super::inflight::Acknowledged;
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

/// A send whose row is stored.
pub(super) struct UnderWay<'a> {
    pub prepared: &'a PreparedMessage,
    /// Its stanza id.
    pub id: &'a str,
    /// Whose it is: see [`crate::life::state::SessionState::account_changes`].
    pub account: u64,
    /// Its place among the chat's.
    pub place: Place,
}

/// The connection that a send is handed to.
#[derive(Clone, Copy)]
struct Way<'a> {
    client: &'a Client,
    number: u64,
}

impl Outbound {
    /// Hands a stored send to WhatsApp, again and again under the same id until the server has it.
    pub(super) async fn deliver(&self, send: UnderWay<'_>, turn: Turn) -> Result<Option<Payload>, SendError> {
        let mut result = tokio::select! {
            biased;
            () = self.state.until_other_account(send.account) => Err(SendError::OtherAccount),
            () = self.gone.cancelled() => Err(self.is_gone().into()),
            result = self.attempts(&send, turn) => result,
        };
        if matches!(result, Err(SendError::OtherAccount))
            && let Err(error) = self.fail(send.id, account::REASON).await
        {
            result = Err(error.into());
        }
        self.jobs.held(self.inflight.end(&channel::wire_id(send.prepared, send.id)));
        result
    }

    async fn attempts(&self, send: &UnderWay<'_>, mut turn: Turn) -> Result<Option<Payload>, SendError> {
        let to: Jid = send
            .prepared
            .chat
            .to_wire()
            .parse()
            .map_err(|_| SendError::InvalidRequest("no such chat".to_owned()))?;
        let mut failures = 0;
        loop {
            let (client, number) = self.state.until_working().await.ok_or_else(|| self.is_gone())?;
            tokio::select! {
                biased;
                () = send.place.turn(number) => {}
                () = self.state.until_other_client(number) => continue,
            }
            // The number changes before the session works for it, so whoever sees it work sees the change.
            if self.state.account_changes() != send.account {
                return Err(SendError::OtherAccount);
            }
            tokio::select! {
                biased;
                () = self.state.until_other_client(number) => continue,
                () = self.state.server_witness().before_send(&self.state, &client) => {}
            }
            let way = Way { client: &client, number };
            let answer = self.attempt(send, &to, way, turn, &mut failures).await?;
            turn = Turn::Repeat;
            match answer {
                Some(Acknowledged { refused: None, timestamp_s }) => {
                    send.place.stored_before(number).await;
                    return self.acknowledged(&client, send.prepared, send.id, timestamp_s).await;
                }
                Some(Acknowledged { refused: Some(code), .. }) => {
                    self.fail(send.id, &code).await?;
                    return Err(SendError::refused(send.prepared.chat.kind(), &code));
                }
                None => {
                    tracing::debug!(session = %self.state.name(), "no acknowledgement; sending again under the same id");
                }
            }
        }
    }

    /// Hands a send over and waits for what the server says; nothing, when it is to be sent again.
    async fn attempt(
        &self,
        send: &UnderWay<'_>,
        to: &Jid,
        way: Way<'_>,
        turn: Turn,
        failures: &mut u32,
    ) -> Result<Option<Acknowledged>, SendError> {
        let Way { client, number } = way;
        // Statuses are encrypted with a sender key, too; reactions to them are not.
        let with_sender_key = send.prepared.chat.is_group() || !send.prepared.recipients.is_empty();
        let repeats = turn == Turn::Repeat && with_sender_key;
        let group = with_sender_key.then(|| self.state.group_sends().begin(to.to_string(), repeats));
        // Nor does anybody have the key from the send before, which the server may never have got.
        if repeats && client.persistence_manager().clear_sender_key_devices(&to.to_string()).await.is_err() {
            // The store failed: its gate is closed, and the send waits for the next client.
            return Ok(None);
        }
        let mut acknowledged = self.inflight.attempt(&channel::wire_id(send.prepared, send.id));
        let handing = self.state.handed_over().begin(send.id, send.prepared.proto());
        // A client whose connection is over may wait long for answers that do not come, and the chat with it.
        let handed = tokio::select! {
            biased;
            () = self.state.until_other_client(number) => return Ok(said_already(acknowledged)),
            handed = self.hand_over(client, to, send) => handed,
        };
        drop(handing);
        if let Err(error) = handed {
            self.after_error(client, &error, send, failures).await?;
            return Ok(said_already(acknowledged));
        }
        // What comes after a message that hands out the group's key cannot be read without it, and the server may refuse that
        // message: the next one waits for the acknowledgement.
        let hands_keys_out = group.as_ref().is_some_and(GroupSend::hands_keys_out);
        if !hands_keys_out {
            send.place.handed_to(number);
        }
        let answer = tokio::select! {
            biased;
            answer = &mut acknowledged => answer.ok(),
            () = self.state.until_not_working() => said_already(acknowledged),
            () = self.state.until_other_client(number) => said_already(acknowledged),
            () = tokio::time::sleep(ACK_TIMEOUT) => said_already(acknowledged),
        };
        match &answer {
            Some(Acknowledged { refused: Some(_), .. }) if hands_keys_out => {
                // Nobody got the key, so the next message brings it. A store that failed has closed its gate, and the next client
                // repeats what was under way.
                let _ = client.persistence_manager().clear_sender_key_devices(&to.to_string()).await;
            }
            Some(_) if hands_keys_out => send.place.handed_to(number),
            _ => {}
        }
        Ok(answer)
    }

    async fn hand_over(&self, client: &Client, to: &Jid, send: &UnderWay<'_>) -> Result<(), ClientError> {
        let prepared = send.prepared;
        let message = prepared.message.clone();
        if prepared.chat.kind() == ChatKind::Channel {
            return channel::hand_over(client, &self.state, to, prepared, send.id).await;
        }
        if prepared.recipients.is_empty() {
            let options = SendOptions::default().with_message_id(send.id);
            return client.send_message_with_options(to.clone(), message, options).await.map(drop);
        }
        let recipients: Vec<Jid> = prepared.recipients.iter().filter_map(|jid| jid.parse().ok()).collect();
        let options = StatusSendOptions { message_id: Some(send.id.to_owned()), ..Default::default() };
        client.status().send_raw(message, &recipients, options).await.map(drop)
    }

    /// Decides after a failed attempt: wait for the connection, try again, or give up.
    async fn after_error(
        &self,
        client: &Client,
        error: &ClientError,
        send: &UnderWay<'_>,
        failures: &mut u32,
    ) -> Result<(), SendError> {
        // A client that could not store its ratchets did not send: the send waits for its successor.
        if self.state.trouble().is_some() || !client.is_connected() || !client.is_logged_in() {
            // The status follows the connection within moments; then the loop waits for it.
            let _ = tokio::time::timeout(Duration::from_millis(500), self.state.until_not_working()).await;
            return Ok(());
        }
        // Before it encrypts for a group, the client asks who is in it. What WhatsApp refuses then is refused for good.
        if let ClientError::Iq(IqError::ServerError { code, .. }) = error {
            let (kind, code) = (send.prepared.chat.kind(), code.to_string());
            let refused = SendError::refused(kind, &code);
            if !matches!(refused, SendError::Rejected { .. }) {
                self.fail(send.id, &code).await?;
                return Err(refused);
            }
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
        self.fail(send.id, reason).await?;
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

/// What the server said of an attempt that is given up, if it did: from here on nobody is told of it, so that no send counts as
/// answered that did not hear the answer.
fn said_already(mut acknowledged: oneshot::Receiver<Acknowledged>) -> Option<Acknowledged> {
    acknowledged.close();
    acknowledged.try_recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::inflight::Inflight;

    #[test]
    fn an_answer_is_heard_or_does_not_count() {
        let said = Acknowledged { timestamp_s: Some(7), refused: None };
        let inflight = Inflight::default();
        let answered = inflight.begin("A");
        let first = inflight.attempt("A");
        inflight.acknowledge("A", said.clone());
        assert_eq!(said_already(first), Some(said.clone()), "it came before the attempt was given up");
        let second = inflight.attempt("A");
        answered.store(false, std::sync::atomic::Ordering::Release);
        assert_eq!(said_already(second), None);
        inflight.acknowledge("A", said);
        assert!(!answered.load(std::sync::atomic::Ordering::Acquire), "nobody heard it");
    }
}
