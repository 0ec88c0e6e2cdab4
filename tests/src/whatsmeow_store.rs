//! Fills a store of whatsmeow with what a session holds, as whatsmeow and Go's libsignal write it. The empty store is a genuine
//! one; these rows are ours, made by what whatsmeow's source says.
//!
//! The doctor's own tests include this file too.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::Sha256;
use wakeeper_doctor::address::{Address, Domain};
use wakeeper_doctor::model::{
    BaseKeyOwner, Chain, ChainKind, Credentials, SenderKeyState, Session, SignalRecord, SignalSession,
};

/// An empty store that whatsmeow itself made.
pub fn empty(path: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "fixtures/whatsmeow/empty.db.zst",
        "../doctor/fixtures/whatsmeow/empty.db.zst",
        "../crates/doctor/fixtures/whatsmeow/empty.db.zst",
    ];
    let file = places.iter().map(|place| fixture.join(place)).find(|file| file.exists());
    let packed = std::fs::read(file.expect("the fixture")).expect("the fixture");
    std::fs::write(path, zstd::decode_all(packed.as_slice()).expect("unpack")).expect("write the store");
}

/// Adds a device with all that its session holds to a store. Answers its JID.
pub fn add(path: &Path, session: &Session) -> String {
    let store = Connection::open(path).expect("open the store");
    store.pragma_update(None, "foreign_keys", true).expect("foreign keys");
    let work = store.unchecked_transaction().expect("a transaction");
    let jid = session.credentials.me.phone.to_string();
    device(&work, &jid, &session.credentials);
    let first = session.credentials.first_unuploaded_pre_key_id;
    for (id, pair) in &session.pre_keys {
        let sql = "INSERT INTO whatsmeow_pre_keys (jid, key_id, key, uploaded) VALUES (?1, ?2, ?3, ?4)";
        work.execute(sql, params![jid, id, pair.private.expose(), *id < first]).expect("a pre-key");
    }
    for (address, record) in &session.signal_sessions {
        let text = session_record(record, &session.credentials).to_string();
        let sql = "INSERT INTO whatsmeow_sessions (our_jid, their_id, session) VALUES (?1, ?2, ?3)";
        work.execute(sql, params![jid, signal_address(address), text.as_bytes()]).expect("a session");
        if let Some(current) = record.current() {
            let sql = "INSERT INTO whatsmeow_identity_keys (our_jid, their_id, identity) VALUES (?1, ?2, ?3)";
            let key = &current.remote_identity[1..];
            work.execute(sql, params![jid, signal_address(address), key]).expect("an identity");
        }
    }
    for (name, key) in &session.sender_keys {
        let states: Vec<Value> = key.states.iter().rev().map(sender_key_state).collect();
        let text = json!({ "SenderKeyStates": states }).to_string();
        let sql = "INSERT INTO whatsmeow_sender_keys (our_jid, chat_id, sender_id, sender_key) VALUES (?1, ?2, ?3, ?4)";
        work.execute(sql, params![jid, name.group, signal_address(&name.sender), text.as_bytes()])
            .expect("a sender key");
    }
    settings(&work, &jid, session);
    work.commit().expect("commit");
    jid
}

fn device(work: &Connection, jid: &str, login: &Credentials) {
    let lid = login.me.lid.as_ref().map(ToString::to_string);
    let signed = &login.signed_pre_key;
    let account = &login.account;
    let sql = "INSERT INTO whatsmeow_device (jid, lid, registration_id, noise_key, identity_key, signed_pre_key, \
               signed_pre_key_id, signed_pre_key_sig, adv_key, adv_details, adv_account_sig, adv_account_sig_key, \
               adv_device_sig, push_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    work.execute(
        sql,
        params![
            jid,
            lid,
            login.registration_id,
            login.noise.private.expose(),
            login.identity.private.expose(),
            signed.pair.private.expose(),
            signed.id,
            signed.signature,
            login.adv_secret.expose(),
            account.details,
            account.account_signature,
            account.account_signature_key,
            account.device_signature,
            login.me.name.clone().unwrap_or_default(),
        ],
    )
    .expect("a device");
}

fn settings(work: &Connection, jid: &str, session: &Session) {
    for (id, key) in &session.app_state_keys {
        let sql = "INSERT INTO whatsmeow_app_state_sync_keys (jid, key_id, key_data, timestamp, fingerprint) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        // Raw id, index and devices: fields 1, 2 and 3 of the protocol's message.
        let fingerprint = key.fingerprint.as_ref().map(|read| {
            let mut bytes = Vec::new();
            let mut put = |tag: u8, number: u32| {
                bytes.push(tag);
                let mut left = number;
                while left > 0x7f {
                    bytes.push((left & 0x7f) as u8 | 0x80);
                    left >>= 7;
                }
                bytes.push(left as u8);
            };
            read.raw_id.into_iter().for_each(|id| put(0x08, id));
            read.current_index.into_iter().for_each(|index| put(0x10, index));
            read.device_indexes.iter().for_each(|index| put(0x18, *index));
            bytes
        });
        let fingerprint = fingerprint.unwrap_or_default();
        work.execute(sql, params![jid, id, key.data.expose(), key.timestamp, fingerprint]).expect("a key");
    }
    for (name, known) in &session.app_state_versions {
        let sql =
            "INSERT INTO whatsmeow_app_state_version (jid, name, version, hash) VALUES (?1, ?2, ?3, ?4)";
        let version = i64::try_from(known.version).expect("a version");
        work.execute(sql, params![jid, name, version, known.hash]).expect("a version");
        for (index, value) in &known.value_macs {
            let sql = "INSERT INTO whatsmeow_app_state_mutation_macs (jid, name, version, index_mac, value_mac) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            work.execute(sql, params![jid, name, version, index, value]).expect("a MAC");
        }
    }
    for (phone, lid) in &session.lid_mappings {
        let sql = "INSERT OR REPLACE INTO whatsmeow_lid_map (lid, pn) VALUES (?1, ?2)";
        work.execute(sql, params![lid, phone]).expect("a LID");
    }
    for (their, token) in &session.tokens {
        let sql = "INSERT INTO whatsmeow_privacy_tokens (our_jid, their_jid, token, timestamp, sender_timestamp) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let bytes = token.token.clone().unwrap_or_default();
        let time = token.timestamp.unwrap_or(0);
        work.execute(sql, params![jid, their, bytes, time, token.sender_timestamp]).expect("a token");
    }
}

/// libsignal's address in Go.
pub fn signal_address(address: &Address) -> String {
    let kind = match address.domain {
        Domain::Phone => String::new(),
        Domain::Lid => "_1".to_owned(),
        Domain::Hosted => "_128".to_owned(),
        Domain::HostedLid => "_129".to_owned(),
    };
    format!("{}{kind}:{}", address.user, address.device)
}

/// The record of Signal sessions, as Go's libsignal writes it: the one in use, and the others newest first.
pub fn session_record(record: &SignalRecord, login: &Credentials) -> Value {
    let current = record.sessions.iter().find(|session| session.closed.is_none());
    let mut others: Vec<&SignalSession> =
        record.sessions.iter().filter(|session| session.closed.is_some()).collect();
    others.sort_by_key(|session| std::cmp::Reverse(session.used));
    let blank = json!({"LocalIdentityPublic": null, "LocalRegistrationID": 0, "NeedsRefresh": false,
        "PendingKeyExchange": null, "PendingPreKey": null, "PreviousCounter": 0, "ReceiverChains": [],
        "RemoteIdentityPublic": null, "RemoteRegistrationID": 0, "RootKey": null, "SenderBaseKey": null,
        "SenderChain": null, "SessionVersion": 0});
    json!({
        "SessionState": current.map_or(blank, |session| session_state(session, login)),
        "PreviousStates": others.iter().map(|session| session_state(session, login)).collect::<Vec<_>>(),
    })
}

fn session_state(session: &SignalSession, login: &Credentials) -> Value {
    let mut own = vec![5_u8];
    own.extend(login.identity.public);
    let of_kind = |kind| session.chains.iter().filter(move |chain| chain.kind == kind);
    let sending = of_kind(ChainKind::Sending).next().map_or(Value::Null, |sending| {
        let mut chain = chain(sending);
        chain["SenderRatchetKeyPrivate"] = bytes(session.ratchet.private.expose());
        chain
    });
    let pending = session.pending.as_ref().map(|pending| {
        json!({
            "PreKeyID": {"Value": pending.pre_key_id.unwrap_or(0), "IsEmpty": pending.pre_key_id.is_none()},
            "SignedPreKeyID": pending.signed_pre_key_id,
            "BaseKey": bytes(&pending.base_key),
        })
    });
    assert!(pending.is_none() || session.base_key_owner == BaseKeyOwner::Ours);
    json!({
        "LocalIdentityPublic": bytes(&own),
        "LocalRegistrationID": login.registration_id,
        "NeedsRefresh": false,
        "PendingKeyExchange": null,
        "PendingPreKey": pending,
        "PreviousCounter": u32::try_from(session.previous_counter).unwrap_or(u32::MAX),
        "ReceiverChains": of_kind(ChainKind::Receiving).map(chain).collect::<Vec<_>>(),
        "RemoteIdentityPublic": bytes(&session.remote_identity),
        "RemoteRegistrationID": session.registration_id,
        "RootKey": bytes(session.root_key.expose()),
        "SenderBaseKey": bytes(&session.base_key),
        "SenderChain": sending,
        "SessionVersion": 3,
    })
}

fn chain(chain: &Chain) -> Value {
    // Baileys forgets the key of a chain that ended; nobody uses it any more.
    let key = chain.key.as_ref().map_or([0; 32], |key| *key.expose());
    let seeds = chain.message_keys.iter().map(|(index, seed)| {
        let mut keys = [0; 80];
        Hkdf::<Sha256>::new(None, seed.expose()).expand(b"WhisperMessageKeys", &mut keys).expect("80 bytes");
        message_keys(*index, &keys[..32], &keys[32..64], &keys[64..])
    });
    let derived = chain
        .derived_keys
        .iter()
        .map(|keys| message_keys(keys.index, keys.cipher.expose(), keys.mac.expose(), &keys.iv));
    json!({
        "SenderRatchetKeyPublic": bytes(&chain.ratchet_key),
        "SenderRatchetKeyPrivate": null,
        "ChainKey": {"Key": bytes(&key), "Index": chain.counter + 1},
        "MessageKeys": seeds.chain(derived).collect::<Vec<_>>(),
    })
}

fn message_keys(index: u32, cipher: &[u8], mac: &[u8], iv: &[u8]) -> Value {
    json!({"CipherKey": bytes(cipher), "MacKey": bytes(mac), "IV": bytes(iv), "Index": index})
}

fn sender_key_state(state: &SenderKeyState) -> Value {
    let keys: Vec<Value> = state
        .message_keys
        .iter()
        .map(|(iteration, seed)| {
            json!({"Iteration": iteration, "IV": bytes(&[0; 16]), "CipherKey": bytes(&[0; 32]),
                "Seed": bytes(seed.expose())})
        })
        .collect();
    json!({
        "Keys": keys,
        "KeyID": state.id,
        "SenderChainKey": {"Iteration": state.iteration, "ChainKey": bytes(state.chain_key.expose())},
        // What libsignal makes of a missing private half once it has read the record.
        "SigningKeyPrivate": bytes(state.signing_private.as_ref().map_or(&[0; 32], |key| key.expose())),
        "SigningKeyPublic": bytes(&state.signing_public),
    })
}

fn bytes(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

/// The store's path in a folder, made and filled.
pub fn store_of(folder: &Path, session: &Session) -> PathBuf {
    let path = folder.join("whatsapp.db");
    empty(&path);
    add(&path, session);
    path
}
