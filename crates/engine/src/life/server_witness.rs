//! WhatsApp's server as a witness of what was sent.
//!
//! An older copy of a whole machine cannot tell by itself that it is one. So before the first send of a run, and again after
//! every 24, one pre-key is made and uploaded. The server tells which pre-keys it has (see [`crate::life::server_keys`]): a
//! copy that finds one there which it never made knows that this login went on without it.
//!
//! Sends go on during an upload, so that a server that is far away does not hold them up, but never more than 48 after the
//! pre-key was made that the server has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wakeeper_model::SessionName;
use whatsapp_rust::wacore::iq::prekeys::PreKeyUploadSpec;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::libsignal::store::record_helpers::encode_pre_key_record_to;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::{Client, IqError};

use crate::life::state::SessionState;

/// After so many sends another pre-key is uploaded.
const EVERY: u32 = 24;
/// So many sends the server may not be able to tell of. An older copy that is fewer sends old is not told; what it could use a second
/// time is passed over ([`wakeeper_engine_store::chains::STEPS`] is greater).
const MOST: u32 = 48;
// The rest is for answers that are no sends of the gateway's: see `docs/rollback.md`.
const _: () = assert!(MOST + 32 <= wakeeper_engine_store::chains::STEPS);
/// How long sends go out without an upload after one failed.
const PAUSE: Duration = Duration::from_secs(30);
/// How long an upload may take.
const UPLOAD: Duration = Duration::from_secs(10);
/// Ids of pre-keys have 24 bits.
const GREATEST_ID: u32 = 0x00ff_ffff;

#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("the engine's database failed: {0}")]
    Store(#[from] StoreError),
    #[error("WhatsApp did not take it: {0}")]
    Refused(#[from] IqError),
    #[error("WhatsApp did not answer")]
    NoAnswer,
}

/// Counts the sends of a session since the last upload.
#[derive(Debug, Default)]
pub(crate) struct ServerWitness {
    counted: Mutex<Counted>,
    /// Held during an upload.
    uploading: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Which run.
    run: u64,
    /// Sends since the pre-key was made that the server has of this run; `None` when it has none yet.
    sends: Option<u32>,
    /// No upload is tried before this.
    pause: Option<Instant>,
}

/// Whether the server is to hear of sends.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    No,
    /// Sends need not wait for it.
    Soon,
    /// Before the next send.
    Now,
}

impl Counted {
    fn due(&self, now: Instant) -> Due {
        match self.sends {
            _ if self.pause.is_some_and(|pause| now < pause) => Due::No,
            Some(sends) if sends < EVERY => Due::No,
            Some(sends) if sends < MOST => Due::Soon,
            _ => Due::Now,
        }
    }

    /// Counts a send, unless the server is to hear of it first.
    fn count(&mut self, now: Instant) -> Due {
        let due = self.due(now);
        if due != Due::Now {
            self.sends = self.sends.map(|sends| sends.saturating_add(1));
        }
        due
    }
}

impl ServerWitness {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins: its first send is witnessed.
    pub(crate) fn begin(&self) {
        let mut counted = self.counted();
        *counted = Counted { run: counted.run + 1, ..Counted::default() };
    }

    /// Sees to it that the server can tell of this send. A failure is logged and does not hold the send up: that an older
    /// copy goes unseen is less likely than a server that takes no pre-keys for a while.
    pub(crate) async fn before_send(&self, state: &Arc<SessionState>, client: &Arc<Client>) {
        loop {
            let due = self.counted().count(Instant::now());
            if due == Due::Soon
                && let Ok(uploading) = Arc::clone(&self.uploading).try_lock_owned()
            {
                let (state, client) = (Arc::clone(state), Arc::clone(client));
                tokio::spawn(async move {
                    state.server_witness().upload(&client, state.name()).await;
                    drop(uploading);
                });
            }
            if due != Due::Now {
                return;
            }
            let _one_at_a_time = self.uploading.lock().await;
            // Another send may have seen to it meanwhile.
            if self.counted().due(Instant::now()) == Due::Now {
                self.upload(client, state.name()).await;
            }
        }
    }

    async fn upload(&self, client: &Client, session: &SessionName) {
        let (run, before) = {
            let counted = self.counted();
            (counted.run, counted.sends.unwrap_or_default())
        };
        let uploaded = match tokio::time::timeout(UPLOAD, upload_one(client)).await {
            Ok(uploaded) => uploaded,
            Err(_) => Err(UploadError::NoAnswer),
        };
        let mut counted = self.counted();
        if counted.run != run {
            return;
        }
        match uploaded {
            Ok(()) => {
                // Those since the pre-key was made are not told by it.
                let since = counted.sends.unwrap_or_default().saturating_sub(before);
                (counted.sends, counted.pause) = (Some(since), None);
            }
            Err(error) => {
                counted.pause = Some(Instant::now() + PAUSE);
                tracing::warn!(%session, %error,
                    "no pre-key was uploaded before a send; an older copy of the whole machine would not be told by it");
            }
        }
    }
}

/// Makes one pre-key, stores it, and uploads it. What is stored first is known to every later copy.
async fn upload_one(client: &Client) -> Result<(), UploadError> {
    let manager = client.persistence_manager();
    let device = manager.get_device_snapshot();
    let id = if device.next_pre_key_id > GREATEST_ID { 1 } else { device.next_pre_key_id.max(1) };
    // The window of keys that were made and not uploaded ends before this one, or begins behind it.
    let first =
        if device.first_unupload_pre_key_id == id { id + 1 } else { device.first_unupload_pre_key_id };
    manager
        .process_command(DeviceCommand::SetPreKeyWatermarks {
            next_pre_key_id: id + 1,
            first_unupload_pre_key_id: first,
        })
        .await;
    let pair = KeyPair::generate(&mut rand::rng());
    let mut record = Vec::new();
    encode_pre_key_record_to(id, &pair, &mut record);
    manager.backend().store_prekey(id, &record, true).await?;
    manager.flush().await?;
    let spec = PreKeyUploadSpec::new(
        device.registration_id,
        device.identity_key.public_key,
        device.signed_pre_key_id,
        device.signed_pre_key.public_key,
        device.signed_pre_key_signature.to_vec(),
        vec![(id, pair.public_key)],
    );
    client.execute(spec).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sends: Option<u32>, pause: Option<Instant>) -> Counted {
        Counted { run: 1, sends, pause }
    }

    #[test]
    fn the_first_send_of_a_run_waits_for_an_upload_and_later_ones_when_it_takes_too_long() {
        let now = Instant::now();
        let due = |sends, pause| counted(sends, pause).due(now);
        assert_eq!(due(None, None), Due::Now);
        assert_eq!(due(Some(0), None), Due::No);
        assert_eq!(due(Some(EVERY - 1), None), Due::No);
        assert_eq!(due(Some(EVERY), None), Due::Soon);
        assert_eq!(due(Some(MOST - 1), None), Due::Soon);
        assert_eq!(due(Some(MOST), None), Due::Now);
        assert_eq!(due(None, Some(now + PAUSE)), Due::No);
        assert_eq!(due(None, Some(now)), Due::Now);
    }

    #[test]
    fn no_send_is_counted_that_the_server_is_to_hear_of_first() {
        let now = Instant::now();
        let mut counted = counted(Some(0), None);
        let counts: Vec<Due> = (0..100).map(|_| counted.count(now)).collect();
        assert_eq!(counts.iter().filter(|due| **due == Due::Now).count(), 100 - MOST as usize);
        assert_eq!(counted.sends, Some(MOST));
    }
}
