//! The two names of a person: phone number and LID.
//!
//! Callers see the phone number wherever it is known, because that is what they have; the LID is
//! shown beside it. On the wire a message keeps the name it came under.

use wakeeper_model::ChatId;
use wakeeper_waha::Me;
use whatsapp_rust::wacore_binary::JidExt;
use whatsapp_rust::{Client, Jid, Server};

/// A chat or person under both names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The name callers see: the phone number when it is known.
    pub id: ChatId,
    /// The other name, when known.
    pub alt: Option<ChatId>,
}

/// A JID of the wire as a chat id; `None` for addresses that are no chat.
pub(crate) fn chat_id(jid: &Jid) -> Option<ChatId> {
    // Businesses that WhatsApp hosts are people like others to callers.
    let server = match jid.server {
        Server::Hosted => Server::Pn,
        Server::HostedLid => Server::Lid,
        server => server,
    };
    Jid::new(jid.user_base(), server).to_string().parse().ok()
}

/// Finds both names of `jid`; `hint` is the other name as the stanza told it.
pub(crate) async fn resolve(client: &Client, jid: &Jid, hint: Option<&Jid>) -> Option<Address> {
    let id = chat_id(jid)?;
    let other = match hint {
        Some(hint) if hint.is_lid() != jid.is_lid() => chat_id(hint),
        _ => look_up(client, jid).await,
    };
    Some(match other {
        Some(phone) if jid.is_lid() => Address { id: phone, alt: Some(id) },
        alt => Address { id, alt },
    })
}

async fn look_up(client: &Client, jid: &Jid) -> Option<ChatId> {
    if !jid.is_lid() && !jid.is_pn() {
        return None;
    }
    let entry = client.get_lid_pn_entry(&jid.to_non_ad()).await.ok().flatten()?;
    let other = if jid.is_lid() {
        Jid::new(&*entry.phone_number, Server::Pn)
    } else {
        Jid::new(&*entry.lid, Server::Lid)
    };
    chat_id(&other)
}

/// Both names of a chat id that a caller gave.
pub(crate) async fn resolve_id(client: &Client, id: &ChatId) -> Address {
    let fallback = Address { id: id.clone(), alt: None };
    match id.to_wire().parse::<Jid>() {
        Ok(jid) => resolve(client, &jid, None).await.unwrap_or(fallback),
        Err(_) => fallback,
    }
}

/// Is this JID the account itself, under either name and on any device?
pub(crate) fn is_own(client: &Client, jid: &Jid) -> bool {
    [client.pn(), client.lid()].into_iter().flatten().any(|own| own.is_same_user_as(jid))
}

/// The account a client is logged in to.
pub(crate) fn me(client: &Client) -> Option<Me> {
    let pn = client.pn()?;
    let push_name = client.push_name();
    Some(Me {
        id: chat_id(&pn)?,
        lid: client.lid().as_ref().and_then(chat_id),
        jid: pn.to_string(),
        push_name: (!push_name.is_empty()).then_some(push_name),
    })
}

/// The names of an account on the wire.
pub(crate) fn names_of(me: &Me) -> Vec<String> {
    [Some(&me.id), me.lid.as_ref()].into_iter().flatten().map(ChatId::to_wire).collect()
}
