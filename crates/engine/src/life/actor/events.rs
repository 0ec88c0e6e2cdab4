//! What a session does when its client tells of something.

use std::time::Duration;

use tokio::time::Instant;
use wakeeper_waha::SessionStatus;

use super::{Actor, CONNECT, PAIRING_CODE};
use crate::life::backoff::Cause;
use crate::life::client_events::ClientEvent;
use crate::life::qr;

/// Added to the life of a QR code before its silence counts as a failure.
const QR_GRACE: Duration = Duration::from_secs(30);

impl Actor {
    pub(super) async fn on_client_event(&mut self, event: ClientEvent) {
        match event {
            // Whoever answers a passkey has scanned one of the codes.
            ClientEvent::Qr(..) | ClientEvent::QrExpired(false) if self.parts.state.passkey().is_some() => {}
            ClientEvent::Qr(raw, valid) => {
                self.failures = 0;
                self.slow = None;
                self.reason = None;
                qr::log(self.parts.state.name().as_str(), &raw, valid.as_secs());
                self.parts.state.set_qr(Some(raw), valid);
                self.deadline = Some(Instant::now() + valid + QR_GRACE);
                self.enter(SessionStatus::ScanQrCode, None).await;
            }
            ClientEvent::QrExpired(closing) => {
                self.cause = Some(Cause::QrExpired);
                if !closing {
                    self.parts.state.set_qr(None, Duration::ZERO);
                    self.deadline = Some(Instant::now() + PAIRING_CODE);
                }
            }
            ClientEvent::Linked => {
                tracing::info!(session = %self.parts.state.name(), "linked; logging in");
                self.logging_in_anew().await;
            }
            ClientEvent::LinkFailed => {
                tracing::warn!(session = %self.parts.state.name(), "linking failed; show the code again");
            }
            ClientEvent::PasskeyRequired(options) => self.passkey_asked(&options).await,
            ClientEvent::PasskeyConfirmation(code, to_compare) => {
                self.passkey_code(code, to_compare).await;
            }
            ClientEvent::PasskeyFailed(why) => self.passkey_failed(&why).await,
            ClientEvent::Open => self.on_open().await,
            ClientEvent::Closed(why) => self.on_closed(why).await,
            ClientEvent::StreamError(code) => self.on_stream_error(&code).await,
            ClientEvent::Final(cause) => self.cause = Some(cause),
            ClientEvent::PushName => self.remember_account().await,
            ClientEvent::Compared(compared) => self.on_compared(compared).await,
            ClientEvent::Disk => self.on_disk().await,
            ClientEvent::Ended => self.on_ended().await,
        }
    }

    async fn on_open(&mut self) {
        if !self.settle_account().await {
            return;
        }
        self.trouble = None;
        self.parts.state.note(|evidence, now| evidence.connected = Some(now));
        self.remember_account().await;
        self.mark_linked().await;
        self.opened().await;
    }

    /// The client lost its connection; its end follows.
    async fn on_closed(&mut self, why: &'static str) {
        self.log_close(why);
        self.deadline = Some(Instant::now() + CONNECT);
        if self.parts.state.status() == SessionStatus::Working {
            self.enter(SessionStatus::Starting, Some(format!("the connection was {why}; connecting again")))
                .await;
        }
    }
}
