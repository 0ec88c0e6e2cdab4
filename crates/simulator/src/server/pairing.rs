//! Linking a new device: by QR code and by pairing code (section 5).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::account::{Account, Address, Companion, Device, SignedPreKey};
use super::contract::{
    Addressing, CodeOffer, CompanionFinish, KeyIndexGrant, Link, PairingGrant, PairingOffer, PhoneEvent,
    PrimaryHello, ServerError,
};
use super::passkeys::PasskeyLink;
use super::world::{Role, World};
use crate::jid::SERVER_JID;
use crate::node::Node;
use crate::wire::SignedPreKeyPublic;

/// Pairing references that a new device is given at once.
pub(super) const REFERENCES: usize = 6;
/// Companion ids are one byte in the wire format of addresses; they are never given twice.
const LAST_DEVICE: u16 = 250;

/// A new device that waits to be linked.
pub(super) struct Registration {
    signal_id: u32,
    identity: [u8; 32],
    signed_prekey: SignedPreKeyPublic,
    /// References with the time after which each is refused, since the Unix epoch.
    references: Vec<(String, Duration)>,
    /// Set once a phone linked the device and its signature is awaited.
    granted: Option<Granted>,
    /// The device is asked for a passkey.
    pub(super) passkey: Option<PasskeyLink>,
}

struct Granted {
    number: String,
    device: u16,
    key_index: u32,
}

/// A pairing by code that is under way.
pub(super) struct CodePairing {
    link: Link,
    wrapped_companion_ephemeral: Vec<u8>,
    reference: Vec<u8>,
}

impl World {
    /// Gives a new device its pairing references.
    pub fn start_registration(
        &mut self,
        link: Link,
        signal_id: u32,
        identity: [u8; 32],
        signed_prekey: SignedPreKeyPublic,
    ) {
        self.counters.add("registrations");
        let mut expires = self.now() + self.config.first_reference;
        let mut references = Vec::with_capacity(REFERENCES);
        for _ in 0..REFERENCES {
            // QR codes separate fields with commas, which this alphabet does not have.
            let reference = format!("2@{}", URL_SAFE_NO_PAD.encode(self.random::<48>()));
            self.references.insert(reference.clone(), link);
            references.push((reference, expires));
            expires += self.config.next_reference;
        }
        let refs = references.iter().map(|(reference, _)| Node::new("ref").bytes(reference.as_bytes()));
        let pair_device = Node::new("pair-device").children(refs);
        let registration =
            Registration { signal_id, identity, signed_prekey, references, granted: None, passkey: None };
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.role = Role::Registering(Box::new(registration));
        }
        let iq = self.md_iq(pair_device);
        self.send_stanza(link, iq);
    }

    fn md_iq(&mut self, child: Node) -> Node {
        Node::new("iq")
            .attr("from", SERVER_JID)
            .attr("type", "set")
            .attr("id", self.next_id())
            .attr("xmlns", "md")
            .attr("t", self.seconds().to_string())
            .child(child)
    }

    /// The connection of a device that was not linked is gone.
    pub fn registration_went(&mut self, link: Link, registration: &Registration) {
        for (reference, _) in &registration.references {
            self.references.remove(reference);
        }
        self.codes.retain(|_, pairing| pairing.link != link);
    }

    pub(super) fn registration(&self, link: Link) -> Option<&Registration> {
        match &self.connections.get(&link)?.role {
            Role::Registering(registration) => Some(registration),
            _ => None,
        }
    }

    pub(super) fn registration_mut(&mut self, link: Link) -> Option<&mut Registration> {
        match &mut self.connections.get_mut(&link)?.role {
            Role::Registering(registration) => Some(registration),
            _ => None,
        }
    }

    pub(super) fn offer(&self, link: Link) -> Option<PairingOffer> {
        let registration = self.registration(link)?;
        let connection = self.connections.get(&link)?;
        Some(PairingOffer {
            link,
            noise_public: connection.noise_public?,
            identity_public: registration.identity,
            dictionary: connection.dictionary,
        })
    }

    /// The device that shows a QR code with this reference, while the reference is valid.
    pub fn pairing_by_ref(&self, reference: &str) -> Option<PairingOffer> {
        let link = *self.references.get(reference)?;
        let registration = self.registration(link)?;
        let (_, expires) = registration.references.iter().find(|(known, _)| known == reference)?;
        if self.now() > *expires || registration.granted.is_some() {
            return None;
        }
        self.offer(link)
    }

    /// Reserves a key index for a new companion.
    pub fn reserve_key_index(&mut self, number: &str) -> Result<KeyIndexGrant, ServerError> {
        let timestamp = self.seconds();
        let account = self.accounts.get_mut(number).ok_or(ServerError::UnknownAccount)?;
        account.last_key_index += 1;
        Ok(KeyIndexGrant { raw_id: account.raw_id, key_index: account.last_key_index, timestamp })
    }

    /// Sends `<pair-success>` and notes which device the connection becomes.
    pub fn complete_pairing(
        &mut self,
        link: Link,
        number: &str,
        grant: &PairingGrant,
    ) -> Result<u16, ServerError> {
        if self.registration(link).is_none_or(|registration| registration.granted.is_some()) {
            return Err(ServerError::NotPairing);
        }
        let account = self.accounts.get_mut(number).ok_or(ServerError::UnknownAccount)?;
        if account.last_device >= LAST_DEVICE {
            return Err(ServerError::TooManyDevices);
        }
        account.last_device += 1;
        let device = account.last_device;
        let pair_success = pair_success(account, device, grant, self.config.addressing);
        if let Some(registration) = self.registration_mut(link) {
            registration.granted =
                Some(Granted { number: number.to_owned(), device, key_index: grant.key_index });
        }
        let iq = self.md_iq(pair_success);
        self.send_stanza(link, iq);
        Ok(device)
    }

    /// A stanza from a device that is not linked yet.
    pub fn receive_registering(&mut self, link: Link, stanza: &Node) {
        if stanza.tag != "iq" {
            return;
        }
        if let Some(sign) = stanza.find("pair-device-sign") {
            if let Some(identity) = sign.child_data("device-identity") {
                self.finish_pairing(link, identity);
            }
        } else if let Some(registration) = stanza.find("link_code_companion_reg") {
            self.pairing_code_stage(link, stanza, registration);
        } else if matches!(stanza.get("type"), Some("get" | "set")) && !self.passkey_stage(link, stanza) {
            // Pings, and whatever else: nothing hangs on the answer.
            self.reply(link, stanza, Vec::new());
        }
    }

    /// The device signed: it is linked from now on and has to log in.
    fn finish_pairing(&mut self, link: Link, identity: &[u8]) {
        let Some(connection) = self.connections.get(&link) else { return };
        let (dictionary, noise) = (connection.dictionary, connection.noise_public);
        let Some(noise_public) = noise else { return };
        let Some(registration) = self.registration_mut(link) else { return };
        let Some(granted) = registration.granted.take() else { return };
        let signed_prekey = SignedPreKey {
            id: registration.signed_prekey.id,
            key: registration.signed_prekey.key,
            signature: registration.signed_prekey.signature.clone(),
        };
        let (registration_id, identity_public) = (registration.signal_id, registration.identity);
        let now = self.seconds();
        let Some(account) = self.accounts.get_mut(&granted.number) else { return };
        let companion = Companion {
            key_index: granted.key_index,
            dictionary,
            noise_public,
            registration_id,
            identity: identity_public,
            signed_prekey,
            prekeys: std::collections::VecDeque::new(),
            device_identity: with_account_key(identity, &account.keys.identity_public()),
            ready: false,
            asked_for_prekeys: false,
        };
        account.devices.insert(granted.device, Device { companion: Some(companion), ..Device::default() });
        account.note_device_change(now);
        self.counters.add("devices_linked");
        self.end_stream(link, Node::new("stream:error").attr("code", "515"));
        self.announce_device(&Address::new(&granted.number, granted.device), "add", Some(granted.key_index));
    }

    fn pairing_code_stage(&mut self, link: Link, iq: &Node, registration: &Node) {
        match registration.get("stage") {
            Some("companion_hello") => self.companion_hello(link, iq, registration),
            Some("companion_finish") => self.companion_finish(link, iq, registration),
            _ => self.reply(link, iq, Vec::new()),
        }
    }

    fn companion_hello(&mut self, link: Link, iq: &Node, registration: &Node) {
        let number = registration.get("jid").and_then(crate::jid::Jid::parse).map(|jid| jid.user);
        let wrapped = registration.child_data("link_code_pairing_wrapped_companion_ephemeral_pub");
        let (Some(number), Some(wrapped)) = (number, wrapped) else {
            self.refuse(link, iq, 400, "bad-request");
            return;
        };
        if !self.accounts.contains_key(&number) {
            self.refuse(link, iq, 404, "item-not-found");
            return;
        }
        let reference = self.random::<16>().to_vec();
        let pairing =
            CodePairing { link, wrapped_companion_ephemeral: wrapped.to_vec(), reference: reference.clone() };
        self.codes.insert(number, pairing);
        let answer = Node::new("link_code_companion_reg")
            .attr("stage", "companion_hello")
            .child(Node::new("link_code_pairing_ref").bytes(reference));
        self.reply(link, iq, vec![answer]);
    }

    fn companion_finish(&mut self, link: Link, iq: &Node, registration: &Node) {
        let Some((number, pairing)) = self.codes.iter().find(|(_, pairing)| pairing.link == link) else {
            self.refuse(link, iq, 404, "item-not-found");
            return;
        };
        let identity: Option<[u8; 32]> =
            registration.child_data("companion_identity_public").and_then(|key| key.try_into().ok());
        let bundle = registration.child_data("link_code_pairing_wrapped_key_bundle");
        let (Some(companion_identity), Some(bundle)) = (identity, bundle) else {
            self.refuse(link, iq, 400, "bad-request");
            return;
        };
        let number = number.clone();
        let finish = CompanionFinish {
            link,
            wrapped_key_bundle: bundle.to_vec(),
            companion_identity,
            reference: pairing.reference.clone(),
        };
        self.reply(link, iq, Vec::new());
        self.tell_phone(&number, PhoneEvent::CompanionFinish(finish));
    }

    /// The newest device that asked to be linked to this number by pairing code.
    pub fn pairing_code_offer(&self, number: &str) -> Option<CodeOffer> {
        let pairing = self.codes.get(number)?;
        Some(CodeOffer {
            offer: self.offer(pairing.link)?,
            wrapped_companion_ephemeral: pairing.wrapped_companion_ephemeral.clone(),
            reference: pairing.reference.clone(),
        })
    }

    /// Sends the phone's half of the pairing-code exchange.
    pub fn send_primary_hello(&mut self, link: Link, hello: PrimaryHello) -> Result<(), ServerError> {
        let pairing =
            self.codes.values().find(|pairing| pairing.link == link).ok_or(ServerError::NotPairing)?;
        let reference = pairing.reference.clone();
        let registration = Node::new("link_code_companion_reg").attr("stage", "primary_hello").children([
            Node::new("link_code_pairing_wrapped_primary_ephemeral_pub")
                .bytes(hello.wrapped_primary_ephemeral),
            Node::new("primary_identity_pub").bytes(hello.primary_identity),
            Node::new("link_code_pairing_ref").bytes(reference),
        ]);
        let notification = Node::new("notification")
            .attr("from", SERVER_JID)
            .attr("type", "link_code_companion_reg")
            .attr("id", self.next_id())
            .attr("t", self.seconds().to_string())
            .child(registration);
        self.send_stanza(link, notification);
        Ok(())
    }
}

fn pair_success(account: &Account, device: u16, grant: &PairingGrant, addressing: Addressing) -> Node {
    let mut children = vec![
        Node::new("device-identity").bytes(grant.container.clone()),
        Node::new("device")
            .attr("jid", account.phone_jid().with_device(device).to_string())
            .attr("lid", account.lid_jid().with_device(device).to_string()),
        Node::new("platform").attr("name", &*grant.platform),
    ];
    if addressing == Addressing::Lid {
        let props = waproto::whatsapp::ClientPairingProps {
            is_chat_db_lid_migrated: Some(true),
            ..Default::default()
        };
        let bytes = buffa::Message::encode_to_vec(&props);
        children.push(Node::new("client-props").bytes(bytes));
    }
    Node::new("pair-success").children(children)
}

/// Baileys strips the account signature key from what it signs; bundles must carry it. A blob that
/// is no `ADVSignedDeviceIdentity` is kept as it is.
fn with_account_key(identity: &[u8], account_key: &[u8; 32]) -> Vec<u8> {
    use buffa::Message;
    match waproto::whatsapp::ADVSignedDeviceIdentity::decode_from_slice(identity) {
        Ok(mut signed) => {
            signed.account_signature_key = Some(account_key.to_vec());
            signed.encode_to_vec()
        }
        Err(_) => identity.to_vec(),
    }
}
