//! What the whatsapp-rust client tells: its events, sorted and handed on without waiting.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wakeeper_waha::{Seen, UndecryptableReason};
use whatsapp_rust::prelude::{Event, EventHandler, EventInterest, EventKind};
use whatsapp_rust::wacore::types::events::{ConnectFailureReason, UndecryptableMessage};

use crate::address;
use crate::inbound::history::Parts;
use crate::inbound::jobs::{Jobs, Room};
use crate::inbound::labels::LabelJob;
use crate::inbound::{acks, notes};
use crate::life::account;
use crate::life::backoff::Cause;
use crate::life::server_keys::Compared;
use crate::life::signals::Signals;
use crate::life::state::SessionState;
use crate::life::store::{Closed, Gate};
use crate::life::undecryptable::{Failed, Known};
use crate::outbound::inflight::{Acknowledged, Inflight};

/// Something the session's actor must know.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    /// A QR code to show, and how long it is good.
    Qr(String, Duration),
    /// No QR code is left; `true` when the client closes by itself.
    QrExpired(bool),
    /// The phone linked this device.
    Linked,
    /// The link failed.
    LinkFailed,
    /// WhatsApp wants a passkey to sign this: WebAuthn's options, as JSON.
    PasskeyRequired(String),
    /// The link's code is to be compared with the phone's; `false` where WhatsApp knows this device from before.
    PasskeyConfirmation(String, bool),
    /// The link by passkey failed.
    PasskeyFailed(String),
    /// Logged in and synchronised.
    Open,
    /// The connection broke.
    Closed(&'static str),
    /// The server ends the stream, with this code.
    StreamError(String),
    /// The server said something final.
    Final(Cause),
    /// The account's own name changed.
    PushName,
    /// WhatsApp's server was asked which pre-keys it has.
    Compared(Compared),
    /// A database cannot be written; the client's gate is closed.
    Disk,
    /// The client's run loop is over.
    Ended,
}

/// An event with the number of the connection it belongs to.
#[derive(Debug)]
pub(crate) struct ConnectionEvent {
    /// Which connection.
    pub round: u64,
    /// What.
    pub event: ClientEvent,
}

/// The handler of one client's events. Runs inside the client's own dispatch, so it only hands on.
pub(crate) struct Listener {
    /// Number of the connection.
    pub round: u64,
    /// To the session's actor.
    pub events: Arc<Signals>,
    /// To the worker that stores receipts.
    pub jobs: Arc<Jobs>,
    /// The client's gate: closed when more waits to be stored than there is room for.
    pub gate: Gate,
    /// Sends that wait.
    pub inflight: Arc<Inflight>,
    /// The history that comes.
    pub history: Arc<Parts>,
    /// For evidence.
    pub state: Arc<SessionState>,
}

impl Listener {
    fn hand_on(&self, event: ClientEvent) {
        self.events.tell(self.round, event);
    }
}

impl EventHandler for Listener {
    fn handle_event(&self, event: Arc<Event>) {
        if let Some(note) = notes::read(&event) {
            self.jobs.note((account::heard(&self.state), note));
        }
        match &*event {
            Event::PairingQrCode(qr) => self.hand_on(ClientEvent::Qr(qr.code.clone(), qr.timeout)),
            Event::PairingQrCodesExhausted(end) => self.hand_on(ClientEvent::QrExpired(end.disconnected)),
            Event::PairSuccess(_) => self.hand_on(ClientEvent::Linked),
            Event::PairPasskeyRequest(asked) => {
                self.hand_on(ClientEvent::PasskeyRequired(asked.request_options_json.clone()));
            }
            Event::PairPasskeyConfirmation(shown) => {
                self.hand_on(ClientEvent::PasskeyConfirmation(shown.code.clone(), !shown.skip_handoff_ux));
            }
            Event::PairPasskeyError(failed) => self.hand_on(ClientEvent::PasskeyFailed(failed.error.clone())),
            Event::PairError(_) => self.hand_on(ClientEvent::LinkFailed),
            Event::Connected(_) => self.hand_on(ClientEvent::Open),
            Event::Disconnected(lost) => {
                self.state.retry_requests().disconnected();
                self.hand_on(ClientEvent::Closed(if lost.reason.is_clean_shutdown() {
                    "closed by the server"
                } else {
                    "lost"
                }));
            }
            Event::StreamReplaced(_) => self.hand_on(ClientEvent::Final(Cause::Replaced)),
            Event::LoggedOut(out) => self.hand_on(ClientEvent::Final(match out.reason {
                ConnectFailureReason::AccountLocked => Cause::Locked,
                _ => Cause::LoggedOut,
            })),
            Event::ClientOutdated(_) => self.hand_on(ClientEvent::Final(Cause::Outdated)),
            Event::TemporaryBan(ban) => {
                let remaining = ban.expire.to_std().unwrap_or_default();
                self.hand_on(ClientEvent::Final(Cause::Banned { remaining }));
            }
            Event::ConnectFailure(failure) => self.hand_on(ClientEvent::Final(refusal(failure.reason))),
            // The client has no event for the codes that it handles by itself.
            Event::RawNode(node) if node.get().tag.as_ref() == "stream:error" => {
                let code = node.get().attrs().optional_string("code").map(|code| code.to_string());
                self.hand_on(ClientEvent::StreamError(code.unwrap_or_default()));
            }
            Event::RawNode(node)
                if node.get().tag.as_ref() == "receipt"
                    && node.get().attrs().optional_string("type").as_deref() == Some("retry") =>
            {
                self.state.retry_requests().received(node.get(), &self.state);
            }
            Event::SelfPushNameUpdated(_) => self.hand_on(ClientEvent::PushName),
            Event::UndecryptableMessage(failed) => {
                self.state.note(|evidence, now| evidence.undecryptable = Some(now));
                self.cannot_read(failed);
                if !failed.is_unavailable {
                    // People search logs for these two words; the client does not tell which of the causes it was.
                    tracing::warn!(session = %self.state.name(), id = %failed.info.id,
                        "a message could not be decrypted (Bad MAC, or no Signal session for it); \
                         its sender is asked to send it again");
                }
                self.jobs.notice(event);
            }
            Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => {
                let timestamp_s = ack.timestamp.map(|time| time.timestamp());
                self.state.line().answered();
                self.inflight.acknowledge(&ack.id, Acknowledged { timestamp_s, refused: ack.error.clone() });
            }
            Event::Receipt(receipt) => {
                self.state.retry_requests().confirmed(receipt, &self.state);
                let news = acks::read(&self.state, receipt).into_iter();
                let news = news.filter_map(|one| self.inflight.hold(one));
                self.stored_later(self.jobs.receipts(news));
            }
            Event::Presence(_) | Event::ChatPresence(_) => self.jobs.presence(event),
            // What the durability hook has committed is known already.
            Event::Messages(batch) if !batch.hook_committed => self.stored_later(self.jobs.event(event)),
            Event::GroupUpdate(_) | Event::IncomingCall(_) => self.stored_later(self.jobs.event(event)),
            Event::LabelEditUpdate(_) | Event::LabelAssociationUpdate(_) => {
                let job = LabelJob::told(&event, account::heard(&self.state));
                if let Some(job) = job.and_then(|job| self.state.own_label().hold(job)) {
                    self.stored_later(self.jobs.label(job));
                }
            }
            Event::PictureUpdate(update) => {
                if let Some(chat) = address::chat_id(&update.jid) {
                    self.state.pictures().forget(&chat);
                }
            }
            Event::HistorySync(part) => self.keep_history(part.compressed_bytes()),
            _ => {}
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&[
            EventKind::PairingQrCode,
            EventKind::PairingQrCodesExhausted,
            EventKind::PairSuccess,
            EventKind::PairError,
            EventKind::PairPasskeyRequest,
            EventKind::PairPasskeyConfirmation,
            EventKind::PairPasskeyError,
            EventKind::Connected,
            EventKind::Disconnected,
            EventKind::StreamReplaced,
            EventKind::LoggedOut,
            EventKind::ClientOutdated,
            EventKind::TemporaryBan,
            EventKind::ConnectFailure,
            EventKind::SelfPushNameUpdated,
            EventKind::UndecryptableMessage,
            EventKind::ServerAck,
            EventKind::Receipt,
            EventKind::Messages,
            EventKind::Presence,
            EventKind::ChatPresence,
            EventKind::GroupUpdate,
            EventKind::IncomingCall,
            EventKind::LabelEditUpdate,
            EventKind::LabelAssociationUpdate,
            EventKind::RawNode,
            EventKind::HistorySync,
            EventKind::PictureUpdate,
            EventKind::ArchiveUpdate,
            EventKind::PinUpdate,
            EventKind::MuteUpdate,
            EventKind::MarkChatAsReadUpdate,
            EventKind::DeleteChatUpdate,
            EventKind::ClearChatUpdate,
            EventKind::ContactUpdate,
            EventKind::BusinessStatusUpdate,
        ])
    }
}

impl Listener {
    /// A message could not be read: it is remembered until it arrives.
    fn cannot_read(&self, message: &UndecryptableMessage) {
        let (source, unread) = (&message.info.source, self.state.undecryptable());
        let reason = if message.is_unavailable {
            UndecryptableReason::Unavailable
        } else {
            UndecryptableReason::NotDecrypted
        };
        let failed = Failed {
            sender: &source.sender.to_non_ad_string(),
            chat: &source.chat.to_non_ad_string(),
            id: &message.info.id,
            reason,
            now_ms: self.state.clock().now_ms(),
        };
        if unread.failed(&failed) == Known::New && unread.remembered() == 1 {
            let text = "a message could not be decrypted; its sender is asked for it again";
            self.state.saw(Seen::Undecryptable, text);
        }
    }

    /// A part of the history: on its way to the disk at once, because the phone does not send it again.
    fn keep_history(&self, compressed: &Bytes) {
        if let Some(client) = self.state.client() {
            self.history.keep(self.state.name(), &client, compressed);
        } else {
            tracing::error!(session = %self.state.name(),
                "a part of the history came when the connection was over; it is not known whose it is, and it is lost");
        }
    }

    /// What came is kept until it is stored. When too much waits, nothing more may come on this connection: the rest stays at
    /// WhatsApp.
    fn stored_later(&self, room: Room) {
        if room == Room::Full {
            self.gate.close(Closed::Rows("too many receipts wait to be stored".into()));
        }
    }
}

fn refusal(reason: ConnectFailureReason) -> Cause {
    match reason {
        ConnectFailureReason::ServiceUnavailable
        | ConnectFailureReason::InternalServerError
        | ConnectFailureReason::Unknown(429) => Cause::ServerBusy,
        ConnectFailureReason::Unknown(code) => Cause::Refused(code),
        ConnectFailureReason::Generic => Cause::Refused(400),
        ConnectFailureReason::TempBanned => Cause::Refused(402),
        ConnectFailureReason::BadUserAgent | ConnectFailureReason::ClientOutdated => Cause::Outdated,
        _ => Cause::Refused(0),
    }
}
