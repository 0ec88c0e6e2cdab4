//! Makes a signed pre-key for a device that has lost its own.
//!
//! The client reads its whole device, or nothing of it: with this one key damaged, the login that is intact cannot be opened.
//! The key is the one part of a login that can be made anew, since the identity signs it.

use std::path::Path;

use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PrivateKey, PublicKey};

use crate::error::{NativeError, store};
use crate::rows;
use crate::sound::{self, Unsound};

/// Ids of signed pre-keys have 24 bits and begin again at 1.
const HIGHEST_ID: i64 = 0xff_ffff;

/// Private key, then public key, without type byte: how the store keeps a pair.
fn pair(bytes: &[u8]) -> Result<KeyPair, Unsound> {
    let (private, public) = bytes.split_at_checked(32).ok_or(Unsound::Key)?;
    let private = PrivateKey::deserialize(private).map_err(|_| Unsound::Key)?;
    if public.len() != 32 {
        return Err(Unsound::Key);
    }
    let public = PublicKey::from_djb_public_key_bytes(public).map_err(|_| Unsound::Key)?;
    let derived = private.public_key().map_err(|_| Unsound::Key)?;
    if derived == public { Ok(KeyPair::new(public, private)) } else { Err(Unsound::Pair) }
}

fn judge(identity: &KeyPair, signed: &[u8], signature: &[u8]) -> Result<(), Unsound> {
    let signed = pair(signed)?;
    sound::signature(&identity.public_key, &signed.public_key, signature)
}

/// Of the device's row: its id, its identity key, and its signed pre-key with signature and id.
#[derive(sqlx::FromRow)]
struct DeviceKeys(i64, Vec<u8>, Vec<u8>, Vec<u8>, i64);

/// Replaces the signed pre-key of a store that nobody has open, when it cannot be used and the identity can. Answers what was
/// wrong with it, `None` when nothing was changed.
///
/// The new key has the next id, so that what the server hands out differs from it and the running client uploads a new one.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn renew_signed_pre_key(database: &Path) -> Result<Option<Unsound>, NativeError> {
    let read = store("read", database);
    let mut connection = rows::connect(database, false).await?;
    let table: Option<(i64,)> =
        sqlx::query_as("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'device'")
            .fetch_optional(&mut connection)
            .await
            .map_err(&read)?;
    if table.is_none() {
        return Ok(None);
    }
    let device: Option<DeviceKeys> = sqlx::query_as(
        "SELECT id, identity_key, signed_pre_key, signed_pre_key_signature, signed_pre_key_id FROM device \
         ORDER BY id LIMIT 1",
    )
    .fetch_optional(&mut connection)
    .await
    .map_err(&read)?;
    let Some(DeviceKeys(row, identity, signed, signature, id)) = device else { return Ok(None) };
    // A damaged identity is the end of the login: nothing to make anew for it.
    let Ok(identity) = pair(&identity) else { return Ok(None) };
    let Err(why) = judge(&identity, &signed, &signature) else { return Ok(None) };
    let mut random = rand::make_rng::<rand::rngs::StdRng>();
    let new = KeyPair::generate(&mut random);
    let signature = identity
        .private_key
        .calculate_signature(&new.public_key.serialize(), &mut random)
        .map_err(|error| NativeError::Key { what: "identity key", reason: error.to_string() })?;
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(new.private_key.serialize());
    bytes.extend_from_slice(new.public_key.public_key_bytes());
    let next = if id >= HIGHEST_ID { 1 } else { id + 1 };
    let update = "UPDATE device SET signed_pre_key = ?, signed_pre_key_signature = ?, signed_pre_key_id = ? WHERE id = ?";
    sqlx::query(update)
        .bind(bytes)
        .bind(signature.to_vec())
        .bind(next)
        .bind(row)
        .execute(&mut connection)
        .await
        .map_err(store("write", database))?;
    Ok(Some(why))
}
