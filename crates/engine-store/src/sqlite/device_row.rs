//! The one row of the table `device`, and the device that it holds.

use std::sync::Arc;

use rusqlite::{Connection, Row, ToSql, params_from_iter};
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::client_profile::ClientProfile;
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PrivateKey, PublicKey};
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::device::{DEVICE_PROPS, account_serde};
use whatsapp_rust::wacore::store::error::{Result, StoreError};

use super::statement::{bytes, bytes_or_none, execute, first};
use super::{DEVICE, wire};

/// Its columns besides the id, in the order of [`DeviceRow::values`] and [`DeviceRow::read`].
const COLUMNS: &str = "lid, pn, registration_id, noise_key, identity_key, signed_pre_key, signed_pre_key_id, \
     signed_pre_key_signature, adv_secret_key, account, push_name, app_version_primary, app_version_secondary, \
     app_version_tertiary, app_version_last_fetched_ms, edge_routing_info, props_hash, next_pre_key_id, nct_salt, \
     server_has_prekeys, server_cert_chain, login_counter, first_unupload_pre_key_id, lid_migrated, \
     last_signed_pre_key_rotation_ms, read_receipts_disabled";

fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.split(", ")
}

/// The row, column for column.
pub(super) struct DeviceRow {
    lid: String,
    pn: String,
    registration_id: i32,
    noise_key: Vec<u8>,
    identity_key: Vec<u8>,
    signed_pre_key: Vec<u8>,
    signed_pre_key_id: i32,
    signed_pre_key_signature: Vec<u8>,
    adv_secret_key: Vec<u8>,
    account: Option<Vec<u8>>,
    push_name: String,
    app_version: (i32, i32, i64),
    app_version_last_fetched_ms: i64,
    edge_routing_info: Option<Vec<u8>>,
    props_hash: Option<String>,
    next_pre_key_id: i32,
    nct_salt: Option<Vec<u8>>,
    server_has_prekeys: bool,
    server_cert_chain: Option<Vec<u8>>,
    login_counter: i32,
    first_unupload_pre_key_id: i32,
    lid_migrated: bool,
    last_signed_pre_key_rotation_ms: i64,
    read_receipts_disabled: bool,
}

fn insertion() -> String {
    let places: Vec<String> = (1..=columns().count() + 1).map(|number| format!("?{number}")).collect();
    format!("INSERT INTO device (id, {COLUMNS}) VALUES ({})", places.join(", "))
}

/// Stores the row, over an earlier one.
pub(super) fn put(connection: &Connection, row: &DeviceRow) -> rusqlite::Result<()> {
    let set: Vec<String> = columns().map(|column| format!("{column} = excluded.{column}")).collect();
    let sql = format!("{} ON CONFLICT (id) DO UPDATE SET {}", insertion(), set.join(", "));
    execute(connection, &sql, params_from_iter(row.values())).map(drop)
}

/// Makes the row, which must not exist.
pub(super) fn insert(connection: &Connection, row: &DeviceRow) -> rusqlite::Result<()> {
    execute(connection, &insertion(), params_from_iter(row.values())).map(drop)
}

/// The row, when there is one.
pub(super) fn get(connection: &Connection) -> rusqlite::Result<Option<DeviceRow>> {
    let sql = format!("SELECT {COLUMNS} FROM device WHERE id = ?1");
    first(connection, &sql, [DEVICE], DeviceRow::read)
}

impl DeviceRow {
    pub(super) fn of(device: &Device) -> Self {
        Self {
            lid: device.lid.as_ref().map(ToString::to_string).unwrap_or_default(),
            pn: device.pn.as_ref().map(ToString::to_string).unwrap_or_default(),
            registration_id: device.registration_id as i32,
            noise_key: pair_bytes(&device.noise_key),
            identity_key: pair_bytes(&device.identity_key),
            signed_pre_key: pair_bytes(&device.signed_pre_key),
            signed_pre_key_id: device.signed_pre_key_id as i32,
            signed_pre_key_signature: device.signed_pre_key_signature.to_vec(),
            adv_secret_key: device.adv_secret_key.to_vec(),
            account: device.account.as_ref().map(|account| account_serde::to_bytes(account)),
            push_name: device.push_name.clone(),
            app_version: (
                device.app_version_primary as i32,
                device.app_version_secondary as i32,
                i64::from(device.app_version_tertiary),
            ),
            app_version_last_fetched_ms: device.app_version_last_fetched_ms,
            edge_routing_info: device.edge_routing_info.clone(),
            props_hash: device.props_hash.clone(),
            next_pre_key_id: device.next_pre_key_id as i32,
            nct_salt: device.nct_salt.clone(),
            server_has_prekeys: device.server_has_prekeys,
            server_cert_chain: device.server_cert_chain.as_ref().map(wire::encode_chain),
            login_counter: device.login_counter,
            first_unupload_pre_key_id: device.first_unupload_pre_key_id as i32,
            lid_migrated: device.lid_migrated,
            last_signed_pre_key_rotation_ms: device.last_signed_pre_key_rotation_ms,
            read_receipts_disabled: device.read_receipts_disabled,
        }
    }

    fn values(&self) -> [&dyn ToSql; 27] {
        [
            &DEVICE,
            &self.lid,
            &self.pn,
            &self.registration_id,
            &self.noise_key,
            &self.identity_key,
            &self.signed_pre_key,
            &self.signed_pre_key_id,
            &self.signed_pre_key_signature,
            &self.adv_secret_key,
            &self.account,
            &self.push_name,
            &self.app_version.0,
            &self.app_version.1,
            &self.app_version.2,
            &self.app_version_last_fetched_ms,
            &self.edge_routing_info,
            &self.props_hash,
            &self.next_pre_key_id,
            &self.nct_salt,
            &self.server_has_prekeys,
            &self.server_cert_chain,
            &self.login_counter,
            &self.first_unupload_pre_key_id,
            &self.lid_migrated,
            &self.last_signed_pre_key_rotation_ms,
            &self.read_receipts_disabled,
        ]
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            lid: row.get(0)?,
            pn: row.get(1)?,
            registration_id: row.get::<_, i64>(2)? as i32,
            noise_key: bytes(row, 3)?,
            identity_key: bytes(row, 4)?,
            signed_pre_key: bytes(row, 5)?,
            signed_pre_key_id: row.get::<_, i64>(6)? as i32,
            signed_pre_key_signature: bytes(row, 7)?,
            adv_secret_key: bytes(row, 8)?,
            account: bytes_or_none(row, 9)?,
            push_name: row.get(10)?,
            app_version: (row.get(11)?, row.get(12)?, row.get(13)?),
            app_version_last_fetched_ms: row.get(14)?,
            edge_routing_info: bytes_or_none(row, 15)?,
            props_hash: row.get(16)?,
            next_pre_key_id: row.get::<_, i64>(17)? as i32,
            nct_salt: bytes_or_none(row, 18)?,
            server_has_prekeys: row.get(19)?,
            server_cert_chain: bytes_or_none(row, 20)?,
            login_counter: row.get(21)?,
            first_unupload_pre_key_id: row.get::<_, i64>(22)? as i32,
            lid_migrated: row.get(23)?,
            last_signed_pre_key_rotation_ms: row.get(24)?,
            read_receipts_disabled: row.get(25)?,
        })
    }

    /// The device that the row holds.
    pub(super) fn into_device(self) -> Result<Device> {
        let account = self.account.as_deref().map(account_serde::from_bytes).transpose();
        let account = account.map_err(|error| StoreError::Serialization(Box::new(error)))?;
        let device = Device {
            pn: jid(&self.pn),
            lid: jid(&self.lid),
            registration_id: self.registration_id as u32,
            noise_key: pair(&self.noise_key)?,
            identity_key: pair(&self.identity_key)?,
            signed_pre_key: pair(&self.signed_pre_key)?,
            signed_pre_key_id: self.signed_pre_key_id as u32,
            signed_pre_key_signature: sized(
                "signature of the signed pre-key",
                self.signed_pre_key_signature,
            )?,
            adv_secret_key: sized("ADV secret", self.adv_secret_key)?,
            account: account.map(Arc::new),
            push_name: self.push_name,
            app_version_primary: self.app_version.0 as u32,
            app_version_secondary: self.app_version.1 as u32,
            app_version_tertiary: self.app_version.2.try_into().unwrap_or_default(),
            app_version_last_fetched_ms: self.app_version_last_fetched_ms,
            device_props: Arc::new(DEVICE_PROPS.clone()),
            client_profile: ClientProfile::web(),
            edge_routing_info: self.edge_routing_info,
            props_hash: self.props_hash,
            next_pre_key_id: self.next_pre_key_id as u32,
            first_unupload_pre_key_id: self.first_unupload_pre_key_id as u32,
            server_has_prekeys: self.server_has_prekeys,
            nct_salt: self.nct_salt,
            nct_salt_sync_seen: false,
            // Only saves a step of the next handshake, so a damaged one must not keep the login from being used.
            server_cert_chain: self.server_cert_chain.as_deref().and_then(|chain| {
                let chain = wire::decode_chain(chain);
                chain
                    .inspect_err(|error| tracing::warn!(%error, "the server's certificates are damaged"))
                    .ok()
            }),
            login_counter: self.login_counter,
            lid_migrated: self.lid_migrated,
            last_signed_pre_key_rotation_ms: self.last_signed_pre_key_rotation_ms,
            read_receipts_disabled: self.read_receipts_disabled,
        };
        Ok(device)
    }
}

/// Before a login is linked, the column is empty.
fn jid(column: &str) -> Option<Jid> {
    Some(column).filter(|column| !column.is_empty())?.parse().ok()
}

/// Private half, then public half.
fn pair_bytes(pair: &KeyPair) -> Vec<u8> {
    [&pair.private_key.serialize()[..], pair.public_key.public_key_bytes()].concat()
}

fn pair(bytes: &[u8]) -> Result<KeyPair> {
    let (private, public) = match bytes.split_at_checked(32) {
        Some(halves) if bytes.len() == 64 => halves,
        _ => {
            let length = bytes.len();
            return Err(StoreError::Validation(format!("a key pair has {length} bytes instead of 64")));
        }
    };
    let private =
        PrivateKey::deserialize(private).map_err(|error| StoreError::Serialization(Box::new(error)))?;
    let public = PublicKey::from_djb_public_key_bytes(public)
        .map_err(|error| StoreError::Serialization(Box::new(error)))?;
    Ok(KeyPair::new(public, private))
}

fn sized<const N: usize>(what: &str, bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let length = bytes.len();
        StoreError::Validation(format!("the {what} has {length} bytes instead of {N}"))
    })
}
