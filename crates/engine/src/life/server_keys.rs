//! Keeps the keys that WhatsApp's server hands out for this device and those in the store the same.
//!
//! A contact that writes for the first time takes a one-time pre-key and the signed pre-key from the server. If their private
//! halves are gone, that message cannot be read. whatsapp-rust compares the two after each login, and only logs what it finds.
//! Here what is missing is made anew and uploaded: after each login, when a message asked for a pre-key that is gone, and
//! every few hours.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::sync::Notify;
use tokio::time::Instant;
use wakeeper_engine_store::sound;
use wakeeper_model::SessionName;
use whatsapp_rust::wacore::iq::prekeys::{DigestKeyBundleResponse, DigestKeyBundleSpec};
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::wacore::store::traits::SignalStore as _;
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, IqError};

use crate::life::incidents::SessionIncidents;
use crate::life::store::EngineStore;

/// How often the keys are compared without a cause.
const EVERY: Duration = Duration::from_hours(6);
/// The least time between two comparisons that messages caused.
const PAUSE: Duration = Duration::from_secs(30);
/// With fewer pre-keys on the server whose private halves are here, new ones are made: a tenth of what a device uploads.
const ENOUGH: usize = 80;
/// Of pre-keys so many are looked at whether they are sound: each costs as much as a key exchange, and there are hundreds at each
/// login. When one is not, all are looked at. Those that were not looked at are when a message asks for them.
const LOOKED_AT: usize = 16;

/// How long the server may take to tell which keys it has.
const ANSWER: Duration = Duration::from_secs(15);
/// What is said of a signed pre-key that was replaced.
const MADE_ONE: &str = "a new one was made and uploaded";
/// Ids of pre-keys have 24 bits.
const HALF_OF_IDS: u32 = 1 << 23;

/// What went wrong in a comparison.
#[derive(Debug, thiserror::Error)]
enum ServerKeysError {
    #[error("WhatsApp did not tell which keys it has: {0}")]
    Digest(#[from] IqError),
    #[error("WhatsApp did not tell in time which keys it has")]
    NoAnswer,
    #[error("the engine's database failed: {0}")]
    Store(#[from] StoreError),
    #[error("pre-keys were not uploaded: {0}")]
    Upload(String),
    #[error("the signed pre-key was not replaced: {0}")]
    Rotation(String),
}

/// What the server's keys tell of this copy of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Nothing that this copy did not make.
    Fits,
    /// It has a pre-key that this copy never made: the greatest of their ids.
    Ahead(u32),
    /// It did not say.
    Unknown,
}

/// Looks after the keys of a client that is logged in, until the task is ended. `told` hears of the first comparison,
/// before any key is made or replaced because of it.
pub(crate) async fn compare_and_repair(
    client: Arc<Client>,
    store: Arc<EngineStore>,
    session: SessionName,
    missing: Arc<Notify>,
    incidents: SessionIncidents,
    told: impl FnOnce(Compared),
) {
    let mut told = Some(told);
    let mut caused: Option<Instant> = None;
    loop {
        let digest = match tokio::time::timeout(ANSWER, client.execute(DigestKeyBundleSpec::new())).await {
            Ok(digest) => digest.map_err(ServerKeysError::from),
            Err(_) => Err(ServerKeysError::NoAnswer),
        };
        let compared = match &digest {
            Ok(digest) => judge(digest, &client),
            // The server has no keys.
            Err(ServerKeysError::Digest(IqError::ServerError { code: 404, .. })) => Compared::Fits,
            Err(_) => Compared::Unknown,
        };
        if let Some(told) = told.take() {
            told(compared);
        }
        let done = match digest {
            Ok(digest) if !matches!(compared, Compared::Ahead(_)) => {
                repair(&client, &store, &session, digest, &incidents).await
            }
            // An older copy repairs nothing: its client is given up.
            // The client itself uploads keys where the server has none.
            Ok(_) | Err(ServerKeysError::Digest(IqError::ServerError { code: 404, .. })) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(%session, %error, "the keys on the server were not compared with the stored ones");
        }
        if tokio::time::timeout(EVERY, missing.notified()).await.is_ok() {
            // The first is looked into at once: its sender tries again within a second, and not often.
            if let Some(last) = caused {
                tokio::time::sleep_until(last + PAUSE).await;
            }
            caused = Some(Instant::now());
        }
    }
}

/// Whether the server has a key that was made after this copy of the session.
fn judge(digest: &DigestKeyBundleResponse, client: &Client) -> Compared {
    let device = client.persistence_manager().get_device_snapshot();
    let greatest = digest.prekey_ids.iter().copied().max().unwrap_or(0);
    let next = device.next_pre_key_id;
    // Ids begin again after the greatest one; a server that is half the range ahead is behind.
    let ahead = next > 0 && greatest >= next && greatest - next < HALF_OF_IDS;
    if ahead && digest.reg_id == device.registration_id { Compared::Ahead(greatest) } else { Compared::Fits }
}

/// Makes and uploads what the server hands out and this device cannot use.
async fn repair(
    client: &Arc<Client>,
    store: &EngineStore,
    session: &SessionName,
    digest: DigestKeyBundleResponse,
    incidents: &SessionIncidents,
) -> Result<(), ServerKeysError> {
    let device = client.persistence_manager().get_device_snapshot();
    if digest.reg_id != device.registration_id {
        tracing::warn!(%session, "the server's keys are those of another registration; they are left alone");
        return Ok(());
    }
    if let Err(why) = sound::signed_pre_key(&device) {
        tracing::warn!(%session, %why, "the signed pre-key is damaged; making a new one");
        rotate(client).await?;
        incidents.repaired("the signed pre-key was damaged", MADE_ONE);
    } else if !signed_pre_key_is_here(client, &digest).await? {
        tracing::warn!(%session, "the server hands out a signed pre-key that is gone; making a new one");
        rotate(client).await?;
        incidents.repaired("the signed pre-key that the server hands out was gone", MADE_ONE);
    }
    let handed_out: HashSet<u32> = digest.prekey_ids.iter().copied().collect();
    if handed_out.is_empty() && !device.server_has_prekeys {
        // Just linked: the client is about to upload its first ones.
        return Ok(());
    }
    let here = usable(client, store, &digest.prekey_ids).await?;
    if here >= handed_out.len().min(ENOUGH) && here > 0 {
        return Ok(());
    }
    tracing::warn!(%session, on_server = handed_out.len(), here, "pre-keys are gone; making new ones");
    // Ids count on from what the server has: under an id it knows, contacts may still hold the old key.
    let highest = handed_out.iter().copied().max().unwrap_or(0);
    if highest >= client.persistence_manager().get_device_snapshot().next_pre_key_id {
        let next = highest.saturating_add(1);
        let command =
            DeviceCommand::SetPreKeyWatermarks { next_pre_key_id: next, first_unupload_pre_key_id: next };
        client.persistence_manager().process_command(command).await;
    }
    client.refresh_pre_keys().await.map_err(|error| ServerKeysError::Upload(error.to_string()))?;
    metrics::counter!("wakeeper_pre_keys_replaced_total").increment(1);
    incidents.repaired("pre-keys that the server hands out were gone", "new ones were made and uploaded");
    Ok(())
}

/// How many of these pre-keys are here. Those that are found damaged are taken out.
async fn usable(client: &Client, store: &EngineStore, ids: &[u32]) -> Result<usize, StoreError> {
    let mut here: Vec<u32> = store.load_prekeys_batch(ids).await?.into_iter().map(|(id, _)| id).collect();
    let all = here.len();
    here.shuffle(&mut rand::rng());
    here.truncate(LOOKED_AT);
    // The client's own store judges what it reads.
    let backend = client.persistence_manager().backend();
    if backend.load_prekeys_batch(&here).await?.len() == here.len() {
        return Ok(all);
    }
    Ok(backend.load_prekeys_batch(ids).await?.len())
}

/// Whether the private half of the server's signed pre-key is here.
async fn signed_pre_key_is_here(
    client: &Client,
    digest: &DigestKeyBundleResponse,
) -> Result<bool, ServerKeysError> {
    let device = client.persistence_manager().get_device_snapshot();
    if device.signed_pre_key_id == digest.skey_id {
        return Ok(device.signed_pre_key.public_key.public_key_bytes() == digest.skey_pubkey.as_slice());
    }
    // A rotation that was cut short leaves the server with a key that is staged here, and is read with it.
    let Some(record) = client.persistence_manager().backend().load_signed_prekey(digest.skey_id).await?
    else {
        return Ok(false);
    };
    let public = codec::signed_pre_key_record_decode(&record).ok().and_then(|record| record.public_key);
    Ok(public.is_some_and(|public| public.ends_with(&digest.skey_pubkey)))
}

async fn rotate(client: &Client) -> Result<(), ServerKeysError> {
    client.rotate_signed_pre_key().await.map_err(|error| ServerKeysError::Rotation(error.to_string()))?;
    metrics::counter!("wakeeper_signed_pre_keys_replaced_total").increment(1);
    Ok(())
}
