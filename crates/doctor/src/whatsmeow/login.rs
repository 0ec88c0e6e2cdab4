//! A device's row: its login.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::address::Address;
use crate::curve;
use crate::formats::baileys::credentials::Account;
use crate::formats::baileys::key_pair::KeyPair;
use crate::model::{Credentials, Leftovers, Me, SignedPreKey};
use crate::secret::Secret;

/// A device that is linked.
#[derive(Debug)]
pub(super) struct Device {
    /// Its JID, as the other tables name it.
    pub jid: String,
    /// Its login, without what the pre-keys tell; or what is wrong with it.
    pub login: Result<Credentials, String>,
}

impl Device {
    /// The phone number.
    pub(super) fn number(&self) -> &str {
        self.jid.split([':', '.', '@']).next().unwrap_or_default()
    }
}

/// The columns that [`read`] takes.
pub(super) fn columns(lid: &str) -> String {
    format!(
        "jid, {lid}, registration_id, noise_key, identity_key, signed_pre_key, signed_pre_key_id, signed_pre_key_sig, \
         adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig, platform, push_name"
    )
}

/// Reads a row. `None` when it does not say whose it is.
pub(super) fn read(row: &Row<'_>) -> Option<Device> {
    let jid = text(row, 0).filter(|jid| !jid.is_empty())?;
    let login = credentials(row, &jid);
    Some(Device { jid, login })
}

fn credentials(row: &Row<'_>, jid: &str) -> Result<Credentials, String> {
    let phone = Address::from_jid(jid).ok_or("its JID is none")?;
    let lid = text(row, 1).filter(|lid| !lid.is_empty());
    let lid = lid.map(|lid| Address::from_jid(&lid).ok_or("its LID is none")).transpose()?;
    let some_text = |at| text(row, at).filter(|text| !text.is_empty());
    Ok(Credentials {
        noise: pair("noise_key", row, 3)?,
        identity: pair("identity_key", row, 4)?,
        pairing: None,
        signed_pre_key: SignedPreKey {
            id: number("signed_pre_key_id", row, 6)?,
            pair: pair("signed_pre_key", row, 5)?,
            signature: blob("signed_pre_key_sig", row, 7)?,
        },
        registration_id: number("registration_id", row, 2)?,
        adv_secret: Secret::new(blob("adv_key", row, 8)?),
        account: Account {
            details: bytes("adv_details", row, 9)?.to_vec(),
            account_signature: blob::<64>("adv_account_sig", row, 10)?.to_vec(),
            account_signature_key: blob::<32>("adv_account_sig_key", row, 11)?.to_vec(),
            device_signature: blob::<64>("adv_device_sig", row, 12)?.to_vec(),
        },
        me: Me { phone, lid, name: some_text(14) },
        next_pre_key_id: 1,
        first_unuploaded_pre_key_id: 1,
        platform: some_text(13),
        routing_info: None,
        props_hash: None,
        app_state_key_id: None,
        leftovers: Leftovers::default(),
    })
}

/// whatsmeow keeps private keys alone.
pub(super) fn pair_of(private: [u8; 32]) -> KeyPair {
    KeyPair { public: curve::public_of(&private), private: Secret::new(private) }
}

fn pair(name: &str, row: &Row<'_>, at: usize) -> Result<KeyPair, String> {
    Ok(pair_of(blob(name, row, at)?))
}

/// A column of bytes.
pub(super) fn bytes<'r>(name: &str, row: &'r Row<'_>, at: usize) -> Result<&'r [u8], String> {
    match row.get_ref(at) {
        Ok(ValueRef::Blob(bytes)) => Ok(bytes),
        _ => Err(format!("{name} holds no bytes")),
    }
}

/// A column of so many bytes.
pub(super) fn blob<const N: usize>(name: &str, row: &Row<'_>, at: usize) -> Result<[u8; N], String> {
    let bytes = bytes(name, row, at)?;
    bytes.try_into().map_err(|_| format!("{name} has {} bytes instead of {N}", bytes.len()))
}

/// A column with a number.
pub(super) fn number<T: TryFrom<i64>>(name: &str, row: &Row<'_>, at: usize) -> Result<T, String> {
    let number = match row.get_ref(at) {
        Ok(ValueRef::Integer(number)) => T::try_from(number).ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{name} holds no number that can be"))
}

/// A column of text.
pub(super) fn text(row: &Row<'_>, at: usize) -> Option<String> {
    match row.get_ref(at) {
        Ok(ValueRef::Text(text)) => std::str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    }
}
