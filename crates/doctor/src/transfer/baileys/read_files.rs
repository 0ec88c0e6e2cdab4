//! Single files of the folder, read into the model. `None` stands for a file that a sound folder does not hold.

use crate::address::{Address, Domain};
use crate::curve;
use crate::formats::baileys::credentials::Account;
use crate::formats::baileys::field::{Fields, any_bytes, buffer, decode, decode_exact};
use crate::formats::baileys::key_pair::KeyPair;
use crate::formats::baileys::small;
use crate::json::{self, Kind, Value};
use crate::model::{
    AppStateKey, AppStateVersion, BaseKeyOwner, Chain, ChainKind, Credentials, Fingerprint, Leftovers, Me,
    PendingPreKey, PublicKey, RatchetPair, SenderKey, SenderKeyState, SignalRecord, SignalSession,
    SignedPreKey, Token,
};
use crate::secret::Secret;

/// Most keys of late messages that any reader takes from one chain; the oldest are given up.
const MAX_MESSAGE_KEYS: usize = 2000;

/// Members of `creds.json` that the model has a field for.
const KNOWN: [&str; 14] = [
    "noiseKey",
    "pairingEphemeralKeyPair",
    "signedIdentityKey",
    "signedPreKey",
    "registrationId",
    "advSecretKey",
    "nextPreKeyId",
    "firstUnuploadedPreKeyId",
    "routingInfo",
    "lastPropHash",
    "account",
    "me",
    "platform",
    "myAppStateKeyId",
];

/// `creds.json`; the error names what is missing.
pub(super) fn credentials(text: &[u8]) -> Result<Credentials, &'static str> {
    let value = json::parse(text).map_err(|_| "creds.json is not whole")?;
    let signed = value.get("signedPreKey").ok_or("it has no signed pre-key")?;
    let text_of = |field| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let me = value.get("me").filter(|me| !me.is_falsy()).ok_or("it was never linked")?;
    Ok(Credentials {
        noise: pair(&value, "noiseKey").ok_or("it has no Noise key")?,
        identity: pair(&value, "signedIdentityKey").ok_or("it has no identity key")?,
        pairing: pair(&value, "pairingEphemeralKeyPair"),
        signed_pre_key: SignedPreKey {
            id: number(signed.get("keyId")).ok_or("its signed pre-key has no id")?,
            pair: pair(signed, "keyPair").ok_or("its signed pre-key is no key pair")?,
            signature: signed
                .get("signature")
                .and_then(buffer)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or("its signed pre-key has no signature")?,
        },
        registration_id: number(value.get("registrationId")).ok_or("it has no registration id")?,
        adv_secret: text_of("advSecretKey")
            .and_then(|text| decode_exact(&text).ok())
            .map(Secret::new)
            .ok_or("it has no ADV secret")?,
        account: value.get("account").and_then(Account::read).ok_or("its account signature is missing")?,
        me: read_me(me).ok_or("its own address cannot be read")?,
        next_pre_key_id: number(value.get("nextPreKeyId")).ok_or("it has no pre-key counter")?,
        first_unuploaded_pre_key_id: number(value.get("firstUnuploadedPreKeyId"))
            .ok_or("it has no pre-key counter")?,
        platform: text_of("platform"),
        routing_info: value.get("routingInfo").and_then(buffer),
        props_hash: text_of("lastPropHash"),
        app_state_key_id: text_of("myAppStateKeyId").and_then(|id| decode(&id)),
        leftovers: leftovers(text, &value, me),
    })
}

fn read_me(me: &Value<'_>) -> Option<Me> {
    let jid = |field| me.get(field).and_then(Value::as_str).and_then(Address::from_jid);
    let name = me.get("name").and_then(Value::as_str).map(str::to_owned);
    Some(Me { phone: jid("id").filter(|address| !address.domain.is_lid())?, lid: jid("lid"), name })
}

fn leftovers(text: &[u8], value: &Value<'_>, me: &Value<'_>) -> Leftovers {
    let raw = |value: &Value<'_>| String::from_utf8_lossy(&text[value.span.clone()]).into_owned();
    let mut left = Leftovers::default();
    for member in value.members() {
        left.order.push(member.key.clone().into_owned());
        if !KNOWN.contains(&member.key.as_ref()) {
            left.members.insert(member.key.clone().into_owned(), raw(&member.value));
        }
    }
    left.me = me
        .members()
        .iter()
        .filter(|member| !["id", "lid"].contains(&member.key.as_ref()))
        .map(|member| (member.key.clone().into_owned(), raw(&member.value)))
        .collect();
    left
}

fn pair(value: &Value<'_>, field: &str) -> Option<KeyPair> {
    key_pair(value.get(field)?)
}

/// `{private, public}`, as `pre-key-N.json` holds one.
pub(super) fn key_pair(value: &Value<'_>) -> Option<KeyPair> {
    KeyPair::read(&mut Fields::new(value, "", &mut Vec::new()))
}

fn number(value: Option<&Value<'_>>) -> Option<u32> {
    value?.as_i64().and_then(|number| u32::try_from(number).ok())
}

fn base64<const N: usize>(value: Option<&Value<'_>>) -> Option<[u8; N]> {
    decode_exact(value?.as_str()?).ok()
}

/// `session-<address>.json`. A Signal session that cannot be read is left out of its record.
pub(super) fn signal_record(value: &Value<'_>) -> Option<SignalRecord> {
    let sessions: Vec<_> =
        value.get("_sessions")?.members().iter().filter_map(|member| signal_session(&member.value)).collect();
    (!sessions.is_empty()).then_some(SignalRecord { sessions })
}

fn signal_session(value: &Value<'_>) -> Option<SignalSession> {
    let ratchet = value.get("currentRatchet")?;
    let own = ratchet.get("ephemeralKeyPair")?;
    let info = value.get("indexInfo")?;
    let time = |field| info.get(field).and_then(Value::as_i64);
    let chains = value.get("_chains")?.members().iter().map(|member| chain(&member.key, &member.value));
    let pending = value.get("pendingPreKey").filter(|pending| pending.is_object());
    Some(SignalSession {
        registration_id: number(value.get("registrationId"))?,
        ratchet: RatchetPair {
            public: base64(own.get("pubKey"))?,
            private: Secret::new(base64(own.get("privKey"))?),
        },
        last_remote: base64(ratchet.get("lastRemoteEphemeralKey"))?,
        previous_counter: ratchet.get("previousCounter").and_then(Value::as_i64)?,
        root_key: Secret::new(base64(ratchet.get("rootKey"))?),
        base_key: base64(info.get("baseKey"))?,
        base_key_owner: match time("baseKeyType")? {
            1 => BaseKeyOwner::Ours,
            2 => BaseKeyOwner::Theirs,
            _ => return None,
        },
        closed: Some(time("closed")?).filter(|closed| *closed != -1),
        used: time("used")?,
        created: time("created")?,
        remote_identity: base64(info.get("remoteIdentityKey"))?,
        chains: chains.collect::<Option<_>>()?,
        pending: match pending {
            Some(pending) => Some(PendingPreKey {
                signed_pre_key_id: number(pending.get("signedKeyId"))?,
                base_key: base64(pending.get("baseKey"))?,
                pre_key_id: number(pending.get("preKeyId")),
            }),
            None => None,
        },
    })
}

fn chain(index: &str, value: &Value<'_>) -> Option<Chain> {
    let key = value.get("chainKey")?;
    let keys = value.get("messageKeys").map_or(&[][..], Value::members);
    let mut message_keys = keys
        .iter()
        .map(|member| Some((member.key.parse().ok()?, Secret::new(base64(Some(&member.value))?))))
        .collect::<Option<Vec<(u32, _)>>>()?;
    message_keys.sort_by_key(|(index, _)| *index);
    message_keys.drain(..message_keys.len().saturating_sub(MAX_MESSAGE_KEYS));
    Some(Chain {
        ratchet_key: decode_exact(index).ok()?,
        kind: match value.get("chainType").and_then(Value::as_i64)? {
            1 => ChainKind::Sending,
            2 => ChainKind::Receiving,
            _ => return None,
        },
        counter: key.get("counter").and_then(Value::as_i64)?,
        key: match key.get("key").filter(|key| key.kind != Kind::Null) {
            Some(key) => Some(Secret::new(base64(Some(key))?)),
            None => None,
        },
        message_keys,
        derived_keys: Vec::new(),
    })
}

/// `sender-key-<group>--<sender>.json` in the shape of either version.
pub(super) fn sender_key(value: &Value<'_>) -> Option<SenderKey> {
    let states = if let Kind::Array(items) = &value.kind {
        items.iter().map(sender_key_state).collect::<Option<Vec<_>>>()?
    } else {
        let text = buffer(value)?;
        let list = json::parse(&text).ok()?;
        list.items().iter().map(sender_key_state).collect::<Option<Vec<_>>>()?
    };
    (!states.is_empty()).then_some(SenderKey { states })
}

fn sender_key_state(value: &Value<'_>) -> Option<SenderKeyState> {
    let chain = value.get("senderChainKey")?;
    let signing = value.get("senderSigningKey")?;
    let private = signing.get("private").and_then(any_bytes).filter(|bytes| !bytes.is_empty());
    let keys = value.get("senderMessageKeys").map_or(&[][..], Value::items);
    Some(SenderKeyState {
        id: number(value.get("senderKeyId"))?,
        // protobuf's JSON leaves out a zero.
        iteration: chain.get("iteration").map_or(Some(0), |iteration| number(Some(iteration)))?,
        chain_key: Secret::new(chain.get("seed").and_then(any_bytes)?.try_into().ok()?),
        signing_public: signing.get("public").and_then(any_bytes).and_then(|bytes| public(&bytes))?,
        signing_private: match private {
            Some(bytes) => Some(Secret::new(bytes.try_into().ok()?)),
            None => None,
        },
        // Baileys 6 keeps keys of late messages as `{}`: those are lost already.
        message_keys: keys
            .iter()
            .filter_map(|key| {
                let seed = key.get("seed").and_then(any_bytes)?.try_into().ok()?;
                Some((number(key.get("iteration"))?, Secret::new(seed)))
            })
            .collect(),
    })
}

/// A public key with or without its type byte.
fn public(bytes: &[u8]) -> Option<PublicKey> {
    match bytes.len() {
        33 => bytes.try_into().ok(),
        32 => {
            let mut key = [curve::KEY_TYPE; 33];
            key[1..].copy_from_slice(bytes);
            Some(key)
        }
        _ => None,
    }
}

/// `sender-key-memory-<group>.json`: the devices that know our sender key.
pub(super) fn memory(value: &Value<'_>) -> Vec<Address> {
    small::told(value).collect()
}

/// `app-state-sync-key-<id>.json`
pub(super) fn app_state_key(value: &Value<'_>) -> Option<AppStateKey> {
    let timestamp = value.get("timestamp").and_then(|time| match time.as_str() {
        Some(text) => text.parse().ok(),
        None => time.as_i64(),
    });
    let fingerprint = value.get("fingerprint").filter(|value| value.is_object()).map(|value| Fingerprint {
        raw_id: number(value.get("rawId")),
        current_index: number(value.get("currentIndex")),
        device_indexes: value
            .get("deviceIndexes")
            .map_or(&[][..], Value::items)
            .iter()
            .filter_map(|index| number(Some(index)))
            .collect(),
    });
    Some(AppStateKey {
        data: Secret::new(value.get("keyData").and_then(any_bytes)?.try_into().ok()?),
        fingerprint,
        timestamp: timestamp.unwrap_or(0),
    })
}

/// `app-state-sync-version-<collection>.json`
pub(super) fn app_state_version(value: &Value<'_>) -> Option<AppStateVersion> {
    let macs = value.get("indexValueMap")?.members();
    Some(AppStateVersion {
        version: value
            .get("version")
            .and_then(Value::as_i64)
            .and_then(|version| u64::try_from(version).ok())?,
        hash: value.get("hash").and_then(buffer)?.try_into().ok()?,
        value_macs: macs
            .iter()
            .map(|member| Some((decode(&member.key)?, buffer(member.value.get("valueMac")?)?)))
            .collect::<Option<_>>()?,
    })
}

/// `tctoken-<jid>.json`
pub(super) fn token(value: &Value<'_>) -> Option<Token> {
    let seconds = |field| {
        let value: &Value<'_> = value.get(field)?;
        value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok())
    };
    value.is_object().then(|| Token {
        token: value.get("token").and_then(buffer),
        timestamp: seconds("timestamp"),
        sender_timestamp: seconds("senderTimestamp"),
    })
}

/// An identity key's address and the LIDs of a folder have domains that 6.x does not write down.
pub(super) fn with_domain(address: &Address, is_lid: bool) -> Address {
    let domain = if is_lid && address.domain == Domain::Phone { Domain::Lid } else { address.domain };
    Address { domain, ..address.clone() }
}
