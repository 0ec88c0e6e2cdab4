//! `creds.json`: the login itself.

use std::ops::Range;

use super::field::{Defect, Fields, Problem, any_bytes};
use super::key_pair::KeyPair;
use crate::address::Address;
use crate::formats::baileys::key_pair::HIGHEST_PRE_KEY_ID;
use crate::json::{self, Value};
use crate::secret::Secret;

/// What `creds.json` holds, as far as it can be read. Every field is optional because any may be damaged;
/// what is missing or wrong is in [`Credentials::defects`].
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The pair that authenticates the connection.
    pub noise: Option<KeyPair>,
    /// The identity that contacts know and that is part of every message's MAC.
    pub identity: Option<KeyPair>,
    /// The pair used while pairing with a code.
    pub pairing: Option<KeyPair>,
    /// The signed pre-key.
    pub signed_pre_key: Option<KeyPair>,
    /// Its signature under the identity.
    pub signed_pre_key_signature: Option<[u8; 64]>,
    /// The registration id; 31 bits in the protocol, 0 to 255 when Baileys made it.
    pub registration_id: Option<i64>,
    /// The secret that the QR code carries.
    pub adv_secret: Option<Secret<32>>,
    /// The next pre-key id to be used.
    pub next_pre_key_id: Option<i64>,
    /// The first pre-key id that the server does not have.
    pub first_unuploaded_pre_key_id: Option<i64>,
    /// What the phone signed when it linked this device.
    pub account: Option<Account>,
    /// Who this device is.
    pub me: Option<Me>,
    /// A pairing code was requested.
    pub pairing_code: bool,
    /// The id of the app-state key in use.
    pub app_state_key_id: Option<String>,
    /// What is wrong.
    pub defects: Vec<Defect>,
    /// Places of the two pre-key counters in the text, for a repair.
    pub counter_spans: CounterSpans,
}

/// Where the pre-key counters stand in the text.
#[derive(Debug, Clone, Default)]
pub struct CounterSpans {
    /// `nextPreKeyId`
    pub next: Option<Range<usize>>,
    /// `firstUnuploadedPreKeyId`
    pub first: Option<Range<usize>>,
}

/// The signed link between the account and this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `ADVDeviceIdentity`, serialised.
    pub details: Vec<u8>,
    /// The account's identity key.
    pub account_signature_key: Vec<u8>,
    /// By the account over this device.
    pub account_signature: Vec<u8>,
    /// By this device over the account.
    pub device_signature: Vec<u8>,
}

/// Who the device is.
#[derive(Debug, Clone)]
pub struct Me {
    /// Under its phone number.
    pub phone: Address,
    /// Under its LID, when known.
    pub lid: Option<Address>,
}

impl Credentials {
    /// Reads the file.
    pub fn read(value: &Value<'_>) -> Self {
        let mut defects = Vec::new();
        let mut this = Self::default();
        if !value.is_object() {
            defects.push(Defect { field: "creds".to_owned(), problem: Problem::Kind });
            return Self { defects, ..this };
        }
        this.read_keys(value, &mut defects);
        let mut fields = Fields::new(value, "", &mut defects);
        this.registration_id = fields.number("registrationId");
        this.adv_secret = fields.base64("advSecretKey").map(Secret::new);
        this.next_pre_key_id = fields.number("nextPreKeyId");
        this.first_unuploaded_pre_key_id = fields.number("firstUnuploadedPreKeyId");
        let span = |field| value.get(field).map(|value: &Value<'_>| value.span.clone());
        this.counter_spans =
            CounterSpans { next: span("nextPreKeyId"), first: span("firstUnuploadedPreKeyId") };
        this.me = value.get("me").and_then(Me::read);
        this.account = value.get("account").and_then(Account::read);
        this.pairing_code = value.get("pairingCode").is_some_and(|code| !code.is_falsy());
        this.app_state_key_id = value.get("myAppStateKeyId").and_then(Value::as_str).map(str::to_owned);
        Self { defects, ..this }
    }

    fn read_keys(&mut self, value: &Value<'_>, defects: &mut Vec<Defect>) {
        self.noise = pair(value, "noiseKey", defects);
        self.identity = pair(value, "signedIdentityKey", defects);
        // Only pairing with a code uses it, and creds written by old versions lack it.
        if value.get("pairingEphemeralKeyPair").is_some_and(Value::is_object) {
            self.pairing = pair(value, "pairingEphemeralKeyPair", defects);
        }
        if let Some(signed) = Fields::new(value, "", defects).object("signedPreKey") {
            self.signed_pre_key = pair_at(signed, "keyPair", "signedPreKey.keyPair.", defects);
            let mut fields = Fields::new(signed, "signedPreKey.", defects);
            self.signed_pre_key_signature = fields.buffer("signature");
            fields.number("keyId");
        }
    }

    /// The key pairs and their names.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &KeyPair)> {
        [
            ("noiseKey", &self.noise),
            ("signedIdentityKey", &self.identity),
            ("signedPreKey", &self.signed_pre_key),
            ("pairingEphemeralKeyPair", &self.pairing),
        ]
        .into_iter()
        .filter_map(|(name, pair)| Some((name, pair.as_ref()?)))
    }

    /// The public identity key: two credentials with the same one are the same login.
    pub fn identity_public(&self) -> Option<&[u8; 32]> {
        self.identity.as_ref().map(|pair| &pair.public)
    }

    /// When the account linked this device, seconds since 1970: `ADVDeviceIdentity.timestamp`, field 2.
    pub fn linked_at(&self) -> Option<i64> {
        varint_field(&self.account.as_ref()?.details, 2).and_then(|value| i64::try_from(value).ok())
    }

    /// How far the pre-key counters are, as far as they can be right.
    pub fn pre_key_counter(&self) -> Option<u32> {
        let counters = [self.next_pre_key_id, self.first_unuploaded_pre_key_id];
        counters.into_iter().flatten().filter_map(pre_key_id).max()
    }

    /// Whether nothing is wrong with them: no field is damaged, and each private key belongs to its public one.
    pub fn is_sound(&self) -> bool {
        self.defects.is_empty() && self.pairs().all(|(_, pair)| pair.matches())
    }

    /// Whether a phone linked this device: it signed `account`. `me` alone only says that a pairing code was asked for.
    pub fn is_linked(&self) -> bool {
        self.me.is_some() && self.account.is_some()
    }

    /// Whether a pairing code was asked for, and nobody has typed it in.
    pub fn awaits_code(&self) -> bool {
        self.account.is_none() && self.pairing_code
    }

    /// Whether the user is this account itself, under either number.
    pub fn is_own_user(&self, user: &str) -> bool {
        self.me
            .as_ref()
            .is_some_and(|me| me.phone.user == user || me.lid.as_ref().is_some_and(|lid| lid.user == user))
    }
}

impl Account {
    pub(crate) fn read(value: &Value<'_>) -> Option<Self> {
        let bytes = |field| value.get(field).and_then(any_bytes);
        Some(Self {
            details: bytes("details")?,
            account_signature_key: bytes("accountSignatureKey")?,
            account_signature: bytes("accountSignature")?,
            device_signature: bytes("deviceSignature")?,
        })
    }
}

impl Me {
    fn read(value: &Value<'_>) -> Option<Self> {
        let jid = |field| value.get(field).and_then(Value::as_str).and_then(Address::from_jid);
        Some(Self { phone: jid("id")?, lid: jid("lid") })
    }
}

/// A number that can be the id of a pre-key.
pub(crate) fn pre_key_id(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|id| (1..=HIGHEST_PRE_KEY_ID).contains(id))
}

fn pair(value: &Value<'_>, field: &str, defects: &mut Vec<Defect>) -> Option<KeyPair> {
    pair_at(value, field, &format!("{field}."), defects)
}

fn pair_at(value: &Value<'_>, field: &str, prefix: &str, defects: &mut Vec<Defect>) -> Option<KeyPair> {
    let before = prefix.strip_suffix(&format!("{field}.")).unwrap_or_default();
    let object = Fields::new(value, before, defects).object(field)?;
    KeyPair::read(&mut Fields::new(object, prefix, defects))
}

/// The first varint field of that number in a protobuf message whose fields before it are varints too.
fn varint_field(message: &[u8], number: u64) -> Option<u64> {
    let mut rest = message;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        if tag & 7 != 0 {
            return None;
        }
        let value = varint(&mut rest)?;
        if tag >> 3 == number {
            return Some(value);
        }
    }
    None
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What a torn `creds.json` still shows.
#[derive(Debug, Default, Clone)]
pub struct Salvage {
    /// Names of the fields that are whole.
    pub fields: Vec<String>,
    /// The public identity key, when it is among them: a backup must hold the same one.
    pub identity: Option<[u8; 32]>,
    /// The counter, when it is among them.
    pub next_pre_key_id: Option<i64>,
}

impl Salvage {
    /// Reads what is whole at the start of a torn text.
    pub fn read(text: &[u8]) -> Self {
        let members = json::salvage(text);
        let mut this = Self::default();
        for member in &members {
            match member.key.as_ref() {
                "signedIdentityKey" => {
                    let mut defects = Vec::new();
                    this.identity = KeyPair::read(&mut Fields::new(&member.value, "", &mut defects))
                        .filter(KeyPair::matches)
                        .map(|pair| pair.public);
                }
                "nextPreKeyId" => this.next_pre_key_id = member.value.as_i64(),
                _ => {}
            }
            this.fields.push(member.key.clone().into_owned());
        }
        this
    }
}
