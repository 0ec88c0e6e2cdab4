//! WhatsApp's server as a witness of what was sent.
//!
//! An older copy of a whole machine cannot tell by itself that it is one. So before the first send of a run, and again after
//! every 32, one pre-key is made and uploaded. The server tells which pre-keys it has (see [`crate::life::server_keys`]): a
//! copy that finds one there which it never made knows that this login went on without it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use wakeeper_model::SessionName;
use whatsapp_rust::wacore::iq::prekeys::PreKeyUploadSpec;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::libsignal::store::record_helpers::encode_pre_key_record_to;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::{Client, IqError};

/// After so many sends another pre-key is uploaded. An older copy that is fewer sends old is not told; the client leases 64
/// counters of each chain in advance, so most such copies use no key twice.
const EVERY: u32 = 32;
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
    uploading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Sends since the last upload of this run; `None` when there was none yet.
    sends: Option<u32>,
    /// No upload is tried before this.
    pause: Option<Instant>,
}

impl Counted {
    fn is_due(&self, now: Instant) -> bool {
        self.pause.is_none_or(|pause| now >= pause) && self.sends.is_none_or(|sends| sends >= EVERY)
    }
}

impl ServerWitness {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins: its first send is witnessed.
    pub(crate) fn begin(&self) {
        *self.counted() = Counted::default();
    }

    /// Sees to it that the server can tell of this send. A failure is logged and does not hold the send up: that an older
    /// copy goes unseen is less likely than a server that takes no pre-keys for a while.
    pub(crate) async fn before_send(&self, client: &Client, session: &SessionName) {
        if self.counted().is_due(Instant::now()) {
            let _one_at_a_time = self.uploading.lock().await;
            // Another send may have seen to it meanwhile.
            if self.counted().is_due(Instant::now()) {
                self.upload(client, session).await;
            }
        }
        let mut counted = self.counted();
        counted.sends = counted.sends.map(|sends| sends.saturating_add(1));
    }

    async fn upload(&self, client: &Client, session: &SessionName) {
        let uploaded = match tokio::time::timeout(UPLOAD, upload_one(client)).await {
            Ok(uploaded) => uploaded,
            Err(_) => Err(UploadError::NoAnswer),
        };
        let mut counted = self.counted();
        match uploaded {
            Ok(()) => *counted = Counted { sends: Some(0), pause: None },
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

    #[test]
    fn the_first_send_of_a_run_and_every_32nd_is_witnessed() {
        let now = Instant::now();
        let due = |sends, pause| Counted { sends, pause }.is_due(now);
        assert!(due(None, None));
        assert!(!due(Some(0), None));
        assert!(!due(Some(EVERY - 1), None));
        assert!(due(Some(EVERY), None));
        assert!(!due(None, Some(now + PAUSE)));
        assert!(due(None, Some(now)));
    }
}
