//! The names of people in a history: what they call themselves, and which LID belongs to which number.

use wakeeper_storage::ContactUpdate;
use whatsapp_rust::lid_pn_cache::LearningSource;
use whatsapp_rust::prelude::wa;
use whatsapp_rust::{Client, Jid};

use crate::address;
use crate::inbound::notes::name;

/// What is written where a person has no name (whatsapp-rust 0.7.0, `history_sync::PUSHNAME_ABSENT_SENTINEL`).
const NO_NAME: &str = "-";

/// Both names of people as the part pairs them, as JIDs: the phone number first.
fn pairs(part: &wa::HistorySync) -> impl Iterator<Item = (Jid, Jid)> + '_ {
    let mapped = part.phone_number_to_lid_mappings.iter().map(|one| (&one.pn_jid, &one.lid_jid));
    let inline = part.inline_contacts.iter().map(|one| (&one.pn_jid, &one.lid_jid));
    mapped.chain(inline).filter_map(|(phone, lid)| {
        let (phone, lid): (Jid, Jid) = (phone.as_deref()?.parse().ok()?, lid.as_deref()?.parse().ok()?);
        (phone.is_pn() && lid.is_lid()).then_some((phone, lid))
    })
}

/// Lets the client know which names belong together, so that chats and messages get the number.
pub(super) async fn tell_client(client: &Client, part: &wa::HistorySync) {
    let pairs: Vec<_> =
        pairs(part).map(|(phone, lid)| (lid.user_base().to_owned(), phone.user_base().to_owned())).collect();
    if pairs.is_empty() {
        return;
    }
    if let Err(error) = client.add_lid_pn_mappings(pairs, LearningSource::Other).await {
        tracing::warn!(%error, "not all names in a history are known to belong together");
    }
}

/// What a part says of people.
pub(super) fn of(part: &wa::HistorySync) -> Vec<ContactUpdate> {
    let id = |jid: &Jid| address::chat_id(jid).map(String::from);
    let mut people = Vec::new();
    for (phone, lid) in pairs(part) {
        if let Some(phone) = id(&phone) {
            people.push(ContactUpdate { id: phone, lid: id(&lid), ..ContactUpdate::default() });
        }
    }
    for one in &part.inline_contacts {
        let jid = one.pn_jid.as_deref().or(one.lid_jid.as_deref()).and_then(|jid| jid.parse().ok());
        if let Some(id) = jid.and_then(|jid| id(&jid)) {
            let names = ContactUpdate {
                id,
                name: one.full_name.as_deref().map(name),
                short_name: one.first_name.as_deref().map(name),
                saved: one.full_name.is_some().then_some(true),
                ..ContactUpdate::default()
            };
            people.push(names);
        }
    }
    for one in &part.pushnames {
        let known = one.pushname.as_deref().filter(|known| !known.is_empty() && *known != NO_NAME);
        let jid = one.id.as_deref().and_then(|jid| jid.parse::<Jid>().ok());
        let Some((jid, known)) = jid.filter(|jid| jid.is_pn() || jid.is_lid()).zip(known) else { continue };
        if let Some(id) = id(&jid) {
            people.push(ContactUpdate { id, push_name: Some(name(known)), ..ContactUpdate::default() });
        }
    }
    people
}
