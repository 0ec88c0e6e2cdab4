//! How connections end, and what comes after: each end has a cause, is counted, and is waited out by it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use wakeeper_recovery::Kind;
use wakeeper_waha::{OwnPresence, Seen, SessionStatus};
use whatsapp_rust::IqError;
use whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec;

use super::{Actor, without_panic};
use crate::life::backoff::{self, Cause, Verdict};
use crate::life::client_events::ClientEvent;
use crate::life::line::Phase;
use crate::life::server_keys::{self, Compared};
use crate::life::store::Closed;
use crate::life::watch::{Hearing, Watch};
use crate::outbound::retry_requests;

/// Failures in a row after which the status says `FAILED` (and trying goes on).
pub(super) const FAILURES_SHOWN: u32 = 2;
/// A connection that lived this long was a good one: waits start from the least again.
const STABLE: Duration = Duration::from_secs(30);
/// How long a connection must live before it counts as working, when the one before died young.
pub(super) const SETTLE: Duration = Duration::from_secs(3);
/// How long connecting may take before its reason says what it waits for.
pub(super) const SLOW: Duration = Duration::from_secs(8);
/// Nothing heard for so long before the client left: it left for that.
const SILENT_MS: i64 = 15_000;
/// How long an answer to a ping is waited for.
const PING: Duration = Duration::from_secs(30);

impl Actor {
    /// Logged in: from here on the server must be heard.
    pub(super) async fn opened(&mut self) {
        let now = Instant::now();
        self.opened = Some(now);
        self.slow = None;
        self.deadline = None;
        let heard = self.parts.state.line().so_far();
        self.watch = Some(Watch::new(self.parts.setup.watch, now, heard));
        if let Some(connection) = &self.connection {
            let (client, store) = (Arc::clone(&connection.client), Arc::clone(&connection.store));
            let state = &self.parts.state;
            let (events, round) = (Arc::clone(&self.events), self.round);
            let told = move |compared| events.tell(round, ClientEvent::Compared(compared));
            let missing = Arc::clone(state.missing_pre_key());
            let comparing = server_keys::compare_and_repair(
                client,
                store,
                state.name().clone(),
                missing,
                state.incidents().clone(),
                told,
            );
            self.server_keys = Some(AbortOnDropHandle::new(tokio::spawn(comparing)));
        }
        if self.short_lives > 0 {
            self.settled = Some(now + SETTLE);
        } else {
            self.works().await;
        }
    }

    /// The server told which pre-keys it has.
    pub(super) async fn on_compared(&mut self, compared: Compared) {
        let Compared::Ahead(greatest) = compared else {
            // A server that does not say must not keep the session from working.
            self.compared = true;
            let waits = self.settled.is_none() && self.opened.is_some();
            if waits && self.parts.state.status() != SessionStatus::Working {
                self.works().await;
            }
            return;
        };
        // Nothing was sent yet in this run; what follows is the start of an older copy.
        self.server_ahead = Some(greatest);
        self.lose(Cause::OlderCopy).await;
    }

    /// The connection works, and the status says so.
    pub(super) async fn works(&mut self) {
        self.settled = None;
        if !self.compared {
            // Before anything is sent, the server says whether this is an older copy.
            return;
        }
        self.cause = None;
        self.reason = None;
        tracing::info!(session = %self.parts.state.name(), "connection.update: open");
        self.enter(SessionStatus::Working, self.parts.state.note_for_people()).await;
        self.parts.state.incidents().works();
        if std::mem::take(&mut self.was_deaf) {
            self.parts.state.saw(Seen::Working, "WhatsApp's server answers again");
        }
        if let Some(client) = self.parts.state.client() {
            if self.parts.state.presences().own() == OwnPresence::Offline {
                let client = Arc::clone(&client);
                // The client says "online" at each login.
                tokio::spawn(async move { client.presence().set_unavailable().await });
            }
            self.answering = Some(AbortOnDropHandle::new(tokio::spawn(retry_requests::answer(
                Arc::clone(&self.parts.state),
                client,
            ))));
        }
    }

    /// Connecting takes long: the status says what it waits for.
    pub(super) async fn on_slow(&mut self) {
        self.slow = None;
        let status = self.parts.state.status();
        if self.connection.is_some() && matches!(status, SessionStatus::Starting | SessionStatus::Failed) {
            let reason = backoff::explain(&self.stuck());
            tracing::warn!(session = %self.parts.state.name(), reason, "connecting takes long");
            self.reason = Some(reason.clone());
            self.enter(status, Some(reason)).await;
        }
    }

    /// Looks whether the server is still heard.
    pub(super) async fn on_watch(&mut self) {
        self.look_at_sends();
        let Some(watch) = &mut self.watch else { return };
        match watch.look(Instant::now(), self.parts.state.line().so_far()) {
            Hearing::Fine => {}
            Hearing::Probe => {
                if let Some(client) = self.parts.state.client() {
                    let line = Arc::clone(self.parts.state.line());
                    tokio::spawn(async move {
                        let ping = client.execute(KeepaliveSpec::with_timeout(PING));
                        // A refusal is an answer, too.
                        if let Ok(Ok(()) | Err(IqError::ServerError { .. })) =
                            tokio::time::timeout(PING, ping).await
                        {
                            line.answered();
                        }
                    });
                }
            }
            Hearing::Deaf => {
                self.was_deaf = true;
                self.parts
                    .state
                    .saw(Seen::Deaf, "WhatsApp's server does not answer any more; connecting again");
                self.lose(Cause::Deaf).await;
            }
        }
    }

    /// Sends that are not acknowledged on a connection that is open are told of, and not given up: the server may be slow, and
    /// what is under way to a large group takes its time.
    fn look_at_sends(&self) {
        let state = &self.parts.state;
        let since = self.parts.outbound.inflight.unanswered_since();
        // What waited for the connection is no evidence about it.
        let since = since.zip(self.opened).map(|(since, opened)| since.max(opened));
        let stuck = since.filter(|since| since.elapsed() >= self.parts.setup.watch.acknowledged);
        match (stuck, state.unacknowledged_since()) {
            (Some(since), None) => {
                let waited = i64::try_from(since.elapsed().as_millis()).unwrap_or_default();
                state.set_unacknowledged(Some(state.clock().now_ms() - waited));
                let text =
                    "WhatsApp's server does not acknowledge what is sent, though the connection is open";
                tracing::warn!(session = %state.name(), seconds = waited / 1_000, "{text}");
                state.saw(Seen::Unacknowledged, text);
            }
            (None, Some(_)) => {
                state.set_unacknowledged(None);
                state.saw(Seen::Acknowledged, "no send waits for WhatsApp's server any more");
            }
            _ => {}
        }
    }

    /// The server ends the stream. For most codes the client waits until the server closes the connection, which may never be.
    pub(super) async fn on_stream_error(&mut self, code: &str) {
        let cause = match code {
            "515" if self.cause == Some(Cause::Linked) => return,
            // The end of linking, told before the client has dealt with the link itself.
            "515" if self.parts.state.status().is_linking() => return self.logging_in_anew().await,
            "515" => Cause::RestartRequired,
            "503" => Cause::Unavailable,
            "429" => Cause::ServerBusy,
            // An end for good has an event of its own; the others are no ends.
            _ => return,
        };
        self.lose(cause).await;
    }

    /// Leaves a connection that is of no use any more. The status is told first: leaving takes time.
    pub(super) async fn lose(&mut self, cause: Cause) {
        let reason = backoff::explain(&cause);
        tracing::warn!(session = %self.parts.state.name(), reason, "leaving the connection");
        if matches!(self.parts.state.status(), SessionStatus::Working | SessionStatus::Starting) {
            self.log_close(&reason);
            self.enter(SessionStatus::Starting, Some(reason)).await;
        }
        self.close().await;
        self.give_up(cause, None).await;
    }

    pub(super) async fn on_deadline(&mut self) {
        let cause = match self.parts.state.status() {
            SessionStatus::ScanQrCode
            | SessionStatus::PasskeyRequired
            | SessionStatus::PasskeyConfirmationRequired => Cause::QrExpired,
            _ => self.stuck(),
        };
        tracing::warn!(session = %self.parts.state.name(), status = %self.parts.state.status(), "nothing happened in time; making a new connection");
        self.close().await;
        self.give_up(cause, None).await;
    }

    pub(super) async fn on_ended(&mut self) {
        if self.connection.as_ref().is_some_and(|connection| connection.store.gate().closed_by().is_some()) {
            return self.on_disk().await;
        }
        let cause = self.cause.take().unwrap_or_else(|| self.seen_end());
        if self.parts.state.status() == SessionStatus::Working {
            let reason = backoff::explain(&cause);
            self.log_close(&reason);
            self.enter(SessionStatus::Starting, Some(reason)).await;
        }
        // What the client kept in memory is flushed before anything else opens the database.
        self.close().await;
        if matches!(cause, Cause::LoggedOut | Cause::Locked) {
            self.forget_login().await;
        }
        self.give_up(cause, None).await;
    }

    /// What an attempt waits for.
    fn stuck(&self) -> Cause {
        let line = self.parts.state.line();
        match line.phase() {
            Phase::Open => Cause::Unanswered(line.stuck()),
            Phase::Closed(why) => Cause::ClosedEarly(why),
            _ => Cause::Unreachable(line.stuck()),
        }
    }

    /// Why the client ended, as it was seen from outside.
    fn seen_end(&self) -> Cause {
        // The client watches its pings, too, and leaves a server that went deaf without a word on why.
        let heard = self.parts.state.line().last_frame();
        if self.opened.is_some()
            && heard.is_some_and(|at| self.parts.state.clock().now_ms() - at >= SILENT_MS)
        {
            return Cause::Deaf;
        }
        match (self.parts.state.line().phase(), self.opened) {
            (Phase::Closed(why), Some(_)) => Cause::Lost(why),
            (_, Some(_)) => Cause::Lost("the server ended it".to_owned()),
            (_, None) => self.stuck(),
        }
    }

    /// What a panic left half done stays as a killed process would leave it: the client writes and sends nothing more.
    pub(super) async fn end_after_panic(&mut self) {
        if let Some(gate) = self.parts.state.gate() {
            gate.close(Closed::Left);
        }
        self.parts.state.set_client(None);
        if let Some(connection) = self.connection.take()
            && without_panic(connection.close()).await.is_err()
        {
            tracing::error!(session = %self.parts.state.name(), "its client could not be closed");
        }
        let reason =
            "a fault of wakeeper ended this session: restart wakeeper, and please report what its log says";
        self.parts.state.incidents().failed(Kind::Gateway, reason);
        self.enter(SessionStatus::Failed, Some(reason.to_owned())).await;
    }

    /// After the end of a client: waits and tries again, or stops trying.
    pub(super) async fn give_up(&mut self, cause: Cause, detail: Option<String>) {
        self.forget_connection();
        self.parts.state.set_client(None);
        self.parts.state.count_lost(cause.name());
        metrics::counter!("wakeeper_connection_ends_total", "cause" => cause.name()).increment(1);
        if let Some(opened) = self.opened.take() {
            if opened.elapsed() >= STABLE {
                self.failures = 0;
                self.short_lives = 0;
            } else {
                self.short_lives = self.short_lives.saturating_add(1);
            }
        }
        let reason = detail.unwrap_or_else(|| backoff::explain(&cause));
        self.reason = Some(reason.clone());
        self.parts.state.incidents().ended(&cause, &reason);
        match backoff::decide(&cause, self.failures, rand::random()) {
            Verdict::Retry(wait) => {
                if !matches!(cause, Cause::QrExpired | Cause::Linked | Cause::OlderCopy) {
                    self.failures = self.failures.saturating_add(1);
                }
                self.retry = Some(Instant::now() + wait);
                tracing::info!(session = %self.parts.state.name(), reason, seconds = wait.as_secs_f32(), "connecting again");
                let banned = matches!(cause, Cause::Banned { .. });
                let status = if banned || self.failures >= FAILURES_SHOWN {
                    SessionStatus::Failed
                } else {
                    SessionStatus::Starting
                };
                self.enter(status, Some(reason)).await;
            }
            Verdict::GiveUp => {
                self.started = false;
                self.end_run().await;
                tracing::error!(session = %self.parts.state.name(), reason, "the session failed");
                self.enter(SessionStatus::Failed, Some(reason)).await;
            }
        }
    }
}
