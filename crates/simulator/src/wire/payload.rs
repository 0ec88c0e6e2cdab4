//! Reading the `ClientPayload` that travels inside the Noise handshake.

use buffa::Message;
use thiserror::Error;
use waproto::whatsapp as wa;

use super::hello::{ClientHello, ClientPayloadInfo, SignedPreKeyPublic};

/// Why a `ClientPayload` says nothing usable.
#[derive(Debug, Error)]
pub enum ClientPayloadError {
    /// It is no protobuf of that kind.
    #[error("read client payload")]
    Decode(#[from] buffa::DecodeError),
    /// Neither the registration data nor the number of a linked device are in it.
    #[error("read client payload: it names no account and registers no device")]
    Nobody,
    /// A field is missing or has the wrong length.
    #[error("read client payload: {0} is missing or has the wrong length")]
    Field(&'static str),
}

/// Reads a `ClientPayload`: registration data mean a new device, else it is a login.
pub(super) fn read(
    payload: &[u8],
    noise_public: [u8; 32],
    dictionary: u8,
) -> Result<ClientHello, ClientPayloadError> {
    let payload = wa::ClientPayload::decode_from_slice(payload)?;
    let version = payload
        .user_agent
        .as_option()
        .and_then(|agent| agent.app_version.as_option())
        .map(|version| {
            let part = |part: Option<u32>| part.unwrap_or_default();
            (part(version.primary), part(version.secondary), part(version.tertiary))
        })
        .unwrap_or_default();
    let info = match payload.device_pairing_data.as_option().filter(|data| data.e_ident.is_some()) {
        Some(data) => registration(data)?,
        None => login(&payload)?,
    };
    Ok(ClientHello { noise_public, dictionary, payload: info, version })
}

fn registration(
    data: &wa::client_payload::DevicePairingRegistrationData,
) -> Result<ClientPayloadInfo, ClientPayloadError> {
    Ok(ClientPayloadInfo::Registration {
        registration_id: number(data.e_regid.as_deref(), "eRegid")?,
        identity: key(data.e_ident.as_deref(), "eIdent")?,
        signed_prekey: SignedPreKeyPublic {
            id: number(data.e_skey_id.as_deref(), "eSkeyId")?,
            key: key(data.e_skey_val.as_deref(), "eSkeyVal")?,
            signature: data.e_skey_sig.clone().ok_or(ClientPayloadError::Field("eSkeySig"))?,
        },
        device_props: data.device_props.clone().unwrap_or_default(),
    })
}

fn login(payload: &wa::ClientPayload) -> Result<ClientPayloadInfo, ClientPayloadError> {
    let number = payload.username.filter(|number| *number != 0).ok_or(ClientPayloadError::Nobody)?;
    let device = u16::try_from(payload.device.unwrap_or_default());
    Ok(ClientPayloadInfo::Login {
        number: number.to_string(),
        device: device.map_err(|_| ClientPayloadError::Field("device"))?,
        passive: payload.passive.unwrap_or_default(),
    })
}

fn key(bytes: Option<&[u8]>, field: &'static str) -> Result<[u8; 32], ClientPayloadError> {
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(ClientPayloadError::Field(field))
}

/// A big-endian number of up to four bytes: registration ids come as four, key ids as three.
fn number(bytes: Option<&[u8]>, field: &'static str) -> Result<u32, ClientPayloadError> {
    match bytes {
        Some(bytes @ ([_] | [_, _] | [_, _, _] | [_, _, _, _])) => {
            Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
        }
        _ => Err(ClientPayloadError::Field(field)),
    }
}
