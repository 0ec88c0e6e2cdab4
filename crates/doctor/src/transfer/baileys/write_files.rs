//! Single files of the folder, written as the two versions write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::curve::KEY_TYPE;
use crate::formats::baileys::credentials::Account;
use crate::formats::baileys::key_pair::KeyPair;
use crate::formats::baileys::sender_key::Shape;
use crate::model::{
    AppStateKey, AppStateVersion, BaseKeyOwner, Chain, ChainKind, Credentials, SenderKey, SenderKeyState,
    SignalRecord, SignalSession, Token,
};

/// An object in the making.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a member whose value is JSON text already.
    pub(super) fn put(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&string(name));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    fn put_some(self, name: &str, json: Option<String>) -> Self {
        match json {
            Some(json) => self.put(name, &json),
            None => self,
        }
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON string.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", base64(bytes))
}

/// A buffer as `BufferJSON` writes it.
pub(super) fn buffer(bytes: &[u8]) -> String {
    format!("{{\"type\":\"Buffer\",\"data\":\"{}\"}}", base64(bytes))
}

/// A buffer as `JSON.stringify` writes it by itself.
fn numbered(bytes: &[u8]) -> String {
    format!("{{\"type\":\"Buffer\",\"data\":{}}}", list(bytes))
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(","))
}

/// `{private, public}`
pub(super) fn key_pair(pair: &KeyPair) -> String {
    let private = buffer(pair.private.expose());
    Object::new().put("private", &private).put("public", &buffer(&pair.public)).end()
}

/// The members of `creds.json` in the order in which Baileys makes them.
pub(super) fn credentials(credentials: &Credentials) -> String {
    let left = &credentials.leftovers;
    let mut members: Vec<(String, String)> = fresh(credentials);
    for (name, json) in &left.members {
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => value.clone_from(json),
            None => members.push((name.clone(), json.clone())),
        }
    }
    // Members that were there before keep their place.
    let place = |name: &str| left.order.iter().position(|known| known == name).unwrap_or(usize::MAX);
    members.sort_by_key(|(name, _)| place(name));
    members.iter().fold(Object::new(), |object, (name, json)| object.put(name, json)).end()
}

fn fresh(credentials: &Credentials) -> Vec<(String, String)> {
    let signed = &credentials.signed_pre_key;
    let signed = Object::new()
        .put("keyPair", &key_pair(&signed.pair))
        .put("signature", &buffer(&signed.signature))
        .put("keyId", &signed.id.to_string())
        .end();
    let known = !credentials.leftovers.order.is_empty();
    // A folder that was read keeps what it has; one that is made gets what Baileys puts into a new one.
    let initial = |json: &str| (!known).then(|| json.to_owned());
    let members = [
        ("noiseKey", Some(key_pair(&credentials.noise))),
        ("pairingEphemeralKeyPair", credentials.pairing.as_ref().map(key_pair)),
        ("signedIdentityKey", Some(key_pair(&credentials.identity))),
        ("signedPreKey", Some(signed)),
        ("registrationId", Some(credentials.registration_id.to_string())),
        ("advSecretKey", Some(quoted(credentials.adv_secret.expose()))),
        ("processedHistoryMessages", initial("[]")),
        ("nextPreKeyId", Some(credentials.next_pre_key_id.to_string())),
        ("firstUnuploadedPreKeyId", Some(credentials.first_unuploaded_pre_key_id.to_string())),
        ("accountSyncCounter", initial("0")),
        ("accountSettings", initial("{\"unarchiveChats\":false}")),
        ("registered", initial("false")),
        ("lastPropHash", credentials.props_hash.as_deref().map(string)),
        ("routingInfo", credentials.routing_info.as_deref().map(buffer)),
        ("me", Some(me(credentials))),
        ("account", Some(account(&credentials.account))),
        ("signalIdentities", (!known).then(|| identities(credentials))),
        ("platform", credentials.platform.as_deref().map(string)),
        ("myAppStateKeyId", credentials.app_state_key_id.as_deref().map(quoted)),
    ];
    members.into_iter().filter_map(|(name, json)| Some((name.to_owned(), json?))).collect()
}

fn me(credentials: &Credentials) -> String {
    let me = &credentials.me;
    let left = &credentials.leftovers.me;
    let mut object = Object::new().put("id", &string(&me.phone.to_string()));
    if left.is_empty() {
        object = object.put_some("name", me.name.as_deref().map(string));
    }
    for (name, json) in left {
        object = object.put(name, json);
    }
    object.put_some("lid", me.lid.as_ref().map(|lid| string(&lid.to_string()))).end()
}

fn account(account: &Account) -> String {
    Object::new()
        .put("details", &quoted(&account.details))
        .put("accountSignatureKey", &quoted(&account.account_signature_key))
        .put("accountSignature", &quoted(&account.account_signature))
        .put("deviceSignature", &quoted(&account.device_signature))
        .end()
}

fn identities(credentials: &Credentials) -> String {
    let me = &credentials.me;
    let name = me.lid.as_ref().unwrap_or(&me.phone).to_string();
    let identifier = Object::new().put("name", &string(&name)).put("deviceId", "0").end();
    let mut key = vec![KEY_TYPE];
    key.extend_from_slice(&credentials.account.account_signature_key);
    format!("[{}]", Object::new().put("identifier", &identifier).put("identifierKey", &buffer(&key)).end())
}

/// `session-<address>.json`
pub(super) fn signal_record(record: &SignalRecord) -> String {
    let sessions = record.sessions.iter().fold(Object::new(), |object, session| {
        object.put(&base64(&session.base_key), &signal_session(session))
    });
    Object::new().put("_sessions", &sessions.end()).put("version", "\"v1\"").end()
}

fn signal_session(session: &SignalSession) -> String {
    let own = Object::new()
        .put("pubKey", &quoted(&session.ratchet.public))
        .put("privKey", &quoted(session.ratchet.private.expose()))
        .end();
    let ratchet = Object::new()
        .put("ephemeralKeyPair", &own)
        .put("lastRemoteEphemeralKey", &quoted(&session.last_remote))
        .put("previousCounter", &session.previous_counter.to_string())
        .put("rootKey", &quoted(session.root_key.expose()))
        .end();
    let owner = match session.base_key_owner {
        BaseKeyOwner::Ours => "1",
        BaseKeyOwner::Theirs => "2",
    };
    let info = Object::new()
        .put("baseKey", &quoted(&session.base_key))
        .put("baseKeyType", owner)
        .put("closed", &session.closed.unwrap_or(-1).to_string())
        .put("used", &session.used.to_string())
        .put("created", &session.created.to_string())
        .put("remoteIdentityKey", &quoted(&session.remote_identity))
        .end();
    let chains = session
        .chains
        .iter()
        .fold(Object::new(), |object, chain| object.put(&base64(&chain.ratchet_key), &self::chain(chain)));
    let pending = session.pending.as_ref().map(|pending| {
        Object::new()
            .put("signedKeyId", &pending.signed_pre_key_id.to_string())
            .put("baseKey", &quoted(&pending.base_key))
            .put_some("preKeyId", pending.pre_key_id.map(|id| id.to_string()))
            .end()
    });
    Object::new()
        .put("registrationId", &session.registration_id.to_string())
        .put("currentRatchet", &ratchet)
        .put("indexInfo", &info)
        .put("_chains", &chains.end())
        .put_some("pendingPreKey", pending)
        .end()
}

fn chain(chain: &Chain) -> String {
    let key = Object::new()
        .put("counter", &chain.counter.to_string())
        .put_some("key", chain.key.as_ref().map(|key| quoted(key.expose())))
        .end();
    let kind = match chain.kind {
        ChainKind::Sending => "1",
        ChainKind::Receiving => "2",
    };
    let skipped = chain
        .message_keys
        .iter()
        .fold(Object::new(), |object, (index, seed)| object.put(&index.to_string(), &quoted(seed.expose())));
    Object::new().put("chainKey", &key).put("chainType", kind).put("messageKeys", &skipped.end()).end()
}

/// `sender-key-<group>--<sender>.json`
pub(super) fn sender_key(key: &SenderKey, shape: Shape) -> String {
    let states: Vec<String> = key.states.iter().map(|state| sender_key_state(state, shape)).collect();
    let text = format!("[{}]", states.join(","));
    match shape {
        Shape::Array => text,
        Shape::Buffer => buffer(text.as_bytes()),
    }
}

fn sender_key_state(state: &SenderKeyState, shape: Shape) -> String {
    let bytes: fn(&[u8]) -> String = match shape {
        Shape::Array => quoted,
        Shape::Buffer => numbered,
    };
    // 6.x loses keys of late messages when it writes them; spelt as buffers, it can at least read them once.
    let seed: fn(&[u8]) -> String = match shape {
        Shape::Array => buffer,
        Shape::Buffer => numbered,
    };
    let chain = Object::new()
        .put("iteration", &state.iteration.to_string())
        .put("seed", &bytes(state.chain_key.expose()))
        .end();
    let private = match (&state.signing_private, shape) {
        (Some(private), _) => Some(bytes(private.expose())),
        (None, Shape::Array) => None,
        (None, Shape::Buffer) => Some(bytes(&[])),
    };
    let signing =
        Object::new().put("public", &bytes(&state.signing_public)).put_some("private", private).end();
    let keys: Vec<String> = state
        .message_keys
        .iter()
        .map(|(iteration, key)| {
            Object::new().put("iteration", &iteration.to_string()).put("seed", &seed(key.expose())).end()
        })
        .collect();
    Object::new()
        .put("senderKeyId", &state.id.to_string())
        .put("senderChainKey", &chain)
        .put("senderSigningKey", &signing)
        .put("senderMessageKeys", &format!("[{}]", keys.join(",")))
        .end()
}

/// `app-state-sync-key-<id>.json`
pub(super) fn app_state_key(key: &AppStateKey) -> String {
    let fingerprint = key.fingerprint.as_ref().map(|fingerprint| {
        Object::new()
            .put_some("rawId", fingerprint.raw_id.map(|id| id.to_string()))
            .put_some("currentIndex", fingerprint.current_index.map(|index| index.to_string()))
            .put("deviceIndexes", &list(&fingerprint.device_indexes))
            .end()
    });
    Object::new()
        .put("keyData", &quoted(key.data.expose()))
        .put_some("fingerprint", fingerprint)
        .put("timestamp", &format!("\"{}\"", key.timestamp))
        .end()
}

/// `app-state-sync-version-<collection>.json`
pub(super) fn app_state_version(version: &AppStateVersion) -> String {
    let macs = version.value_macs.iter().fold(Object::new(), |object, (index, mac)| {
        object.put(&base64(index), &Object::new().put("valueMac", &buffer(mac)).end())
    });
    Object::new()
        .put("version", &version.version.to_string())
        .put("hash", &buffer(&version.hash))
        .put("indexValueMap", &macs.end())
        .end()
}

/// `tctoken-<jid>.json`
pub(super) fn token(token: &Token) -> String {
    Object::new()
        .put_some("token", token.token.as_deref().map(buffer))
        .put_some("timestamp", token.timestamp.map(|time| format!("\"{time}\"")))
        .put_some("senderTimestamp", token.sender_timestamp.map(|time| time.to_string()))
        .end()
}
