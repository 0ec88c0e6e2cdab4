//! `session-<address>.json`: libsignal's record of all Signal sessions with one device.
//!
//! The order of `_chains` is kept: importers keep only the newest few.

use super::field::{Defect, Fields, Problem, decode_exact};
use crate::curve;
use crate::json::Value;
use crate::secret::Secret;

/// A public key in Signal's spelling, type byte first.
pub type PublicKey = [u8; 33];

/// What the file as a whole is.
#[derive(Debug)]
pub enum SessionFile {
    /// libsignal's record.
    Record(Record),
    /// `{"type":"Buffer",...}`: what a coming version writes. Not ours to judge.
    FutureFormat,
    /// `{}` or another record without sessions, or something that is no record at all.
    NoRecord {
        /// What was found instead, for the evidence.
        found: &'static str,
    },
    /// A record whose version this reader does not know.
    OtherVersion {
        /// The version it names.
        version: String,
    },
}

/// All Signal sessions with one device.
#[derive(Debug)]
pub struct Record {
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// One Signal session. Fields are optional because any may be damaged; see [`Entry::defects`].
#[derive(Debug)]
pub struct Entry {
    /// The key it is filed under, base64.
    pub index: String,
    /// The contact's registration id.
    pub registration_id: Option<i64>,
    /// Our current ratchet pair.
    pub ratchet: Option<RatchetPair>,
    /// The contact's current ratchet key.
    pub last_remote: Option<PublicKey>,
    /// How far our previous sending chain went.
    pub previous_counter: Option<i64>,
    /// The key exchange it came from.
    pub base_key: Option<PublicKey>,
    /// 1: we began it. 2: the contact did.
    pub base_key_type: Option<i64>,
    /// Milliseconds since 1970, or -1 while it is open.
    pub closed: Option<i64>,
    /// Milliseconds since 1970 of its last use.
    pub used: Option<i64>,
    /// Milliseconds since 1970 of its making.
    pub created: Option<i64>,
    /// The contact's identity.
    pub remote_identity: Option<PublicKey>,
    /// In the order of the file.
    pub chains: Vec<Chain>,
    /// The base key of an exchange that the contact has not answered yet.
    pub pending: Option<Option<PublicKey>>,
    /// What is wrong.
    pub defects: Vec<Defect>,
}

/// Our half of the ratchet.
#[derive(Debug)]
pub struct RatchetPair {
    /// The public key.
    pub public: PublicKey,
    /// The private key.
    pub private: Secret<32>,
}

/// One message chain.
#[derive(Debug)]
pub struct Chain {
    /// The ratchet key it belongs to.
    pub key: Option<PublicKey>,
    /// 1: sending. 2: receiving.
    pub kind: Option<i64>,
    /// Index of the last message, -1 before the first.
    pub counter: Option<i64>,
    /// Whether it can go on: a closed receiving chain has lost its key.
    pub has_key: bool,
    /// How many skipped message keys it keeps.
    pub skipped: usize,
    /// The greatest index among them.
    pub skipped_max: Option<i64>,
}

impl Entry {
    /// Whether libsignal takes it for the open one.
    pub fn is_open(&self) -> bool {
        self.closed == Some(-1)
    }

    /// The sending chains.
    pub fn sending(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.kind == Some(1))
    }

    /// The receiving chains.
    pub fn receiving(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.kind == Some(2))
    }
}

impl SessionFile {
    /// Reads the file.
    pub fn read(value: &Value<'_>) -> Self {
        if !value.is_object() {
            return Self::NoRecord { found: "something that is not an object" };
        }
        if value.get("type").and_then(Value::as_str) == Some("Buffer") {
            return Self::FutureFormat;
        }
        // libsignal migrates a record without version, and refuses any other.
        match value.get("version").map(Value::as_str) {
            None | Some(Some("v1")) => {}
            Some(version) => {
                return Self::OtherVersion { version: version.unwrap_or("?").chars().take(20).collect() };
            }
        }
        match value.get("_sessions") {
            Some(sessions) if !sessions.members().is_empty() => {
                let entries = sessions.members().iter().map(|m| Entry::read(&m.key, &m.value)).collect();
                Self::Record(Record { entries })
            }
            Some(sessions) if sessions.is_object() => Self::NoRecord { found: "a record without sessions" },
            Some(_) => Self::NoRecord { found: "a record whose `_sessions` is not an object" },
            None => Self::NoRecord { found: "an object without `_sessions`" },
        }
    }
}

impl Entry {
    fn read(index: &str, value: &Value<'_>) -> Self {
        let mut this = Self {
            index: index.to_owned(),
            registration_id: None,
            ratchet: None,
            last_remote: None,
            previous_counter: None,
            base_key: None,
            base_key_type: None,
            closed: None,
            used: None,
            created: None,
            remote_identity: None,
            chains: Vec::new(),
            pending: None,
            defects: Vec::new(),
        };
        let mut defects = Vec::new();
        let mut fields = Fields::new(value, "", &mut defects);
        this.registration_id = fields.number("registrationId");
        let ratchet = fields.object("currentRatchet");
        let info = fields.object("indexInfo");
        let chains = fields.object("_chains");
        let pending = fields.optional("pendingPreKey");
        if let Some(ratchet) = ratchet {
            this.read_ratchet(ratchet, &mut defects);
        }
        if let Some(info) = info {
            this.read_info(info, &mut defects);
        }
        if let Some(chains) = chains {
            this.chains =
                chains.members().iter().map(|m| Chain::read(&m.key, &m.value, &mut defects)).collect();
        }
        if let Some(pending) = pending {
            this.pending = Some(Fields::new(pending, "pendingPreKey.", &mut defects).base64("baseKey"));
        }
        this.check_points(&mut defects);
        this.defects = defects;
        this
    }

    fn read_ratchet(&mut self, value: &Value<'_>, defects: &mut Vec<Defect>) {
        let mut fields = Fields::new(value, "currentRatchet.", defects);
        self.last_remote = fields.base64("lastRemoteEphemeralKey");
        self.previous_counter = fields.number("previousCounter");
        fields.base64::<32>("rootKey");
        if let Some(pair) = fields.object("ephemeralKeyPair") {
            let mut fields = Fields::new(pair, "currentRatchet.ephemeralKeyPair.", defects);
            let public = fields.base64("pubKey");
            let private = fields.base64("privKey").map(Secret::new);
            self.ratchet = public.zip(private).map(|(public, private)| RatchetPair { public, private });
        }
    }

    fn read_info(&mut self, value: &Value<'_>, defects: &mut Vec<Defect>) {
        let mut fields = Fields::new(value, "indexInfo.", defects);
        self.base_key = fields.base64("baseKey");
        self.base_key_type = fields.number("baseKeyType");
        self.closed = fields.number("closed");
        self.used = fields.number("used");
        self.created = fields.number("created");
        self.remote_identity = fields.base64("remoteIdentityKey");
        if self.base_key_type.is_some_and(|kind| kind != 1 && kind != 2) {
            fields.defect("baseKeyType", Problem::Kind);
        }
    }

    /// Public keys must carry their type byte, and the contact's identity must lie on the curve. Computing with
    /// points is what examining many records costs most, so only that one key of the open session is looked at: a
    /// flipped bit in any other breaks a rule that costs nothing.
    pub(crate) fn check_points(&self, defects: &mut Vec<Defect>) {
        let named = [
            ("indexInfo.remoteIdentityKey", self.remote_identity, self.is_open()),
            ("currentRatchet.lastRemoteEphemeralKey", self.last_remote, false),
            ("indexInfo.baseKey", self.base_key, false),
        ];
        for (field, key, on_curve) in named {
            let Some(key) = key else { continue };
            if key[0] != curve::KEY_TYPE || (on_curve && !curve::on_curve(raw(&key))) {
                defects.push(Defect { field: field.to_owned(), problem: Problem::NotAKey });
            }
        }
    }
}

/// The 32 bytes behind the type byte.
pub fn raw(key: &PublicKey) -> &[u8; 32] {
    key.last_chunk().unwrap_or(&[0; 32])
}

impl Chain {
    fn read(index: &str, value: &Value<'_>, defects: &mut Vec<Defect>) -> Self {
        let key = match decode_exact(index) {
            Ok(key) => Some(key),
            Err(problem) => {
                defects.push(Defect { field: "_chains".to_owned(), problem });
                None
            }
        };
        let mut fields = Fields::new(value, "_chains.", defects);
        let kind = fields.number("chainType");
        if kind.is_some_and(|kind| kind != 1 && kind != 2) {
            fields.defect("chainType", Problem::Kind);
        }
        let chain_key = fields.object("chainKey");
        let skipped = fields.object("messageKeys").map_or(&[][..], Value::members);
        let mut counter = None;
        let mut has_key = false;
        if let Some(chain_key) = chain_key {
            let mut fields = Fields::new(chain_key, "_chains.chainKey.", defects);
            counter = fields.number("counter");
            has_key = fields.optional("key").is_some();
            if has_key {
                fields.base64::<32>("key");
            }
        }
        for member in skipped {
            let text = member.value.as_str().unwrap_or_default();
            if let Err(problem) = decode_exact::<32>(text) {
                defects
                    .push(Defect { field: format!("_chains.messageKeys.{}", short(&member.key)), problem });
            }
        }
        let skipped_max = skipped.iter().filter_map(|member| member.key.parse().ok()).max();
        Self { key, kind, counter, has_key, skipped: skipped.len(), skipped_max }
    }
}

/// Damaged names may be of any length; evidence must not be.
fn short(key: &str) -> String {
    key.chars().take(12).collect()
}
