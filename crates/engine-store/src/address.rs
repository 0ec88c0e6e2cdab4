//! Addresses as the client's store spells them: the device is part of the name, phone numbers are at `c.us`, and `.0`
//! follows.

use wakeeper_doctor::address::{Address, Domain};
use whatsapp_rust::wacore::types::jid::JidExt;
use whatsapp_rust::{Jid, Server};

/// The JID of a device; `None` when the device's number is none that WhatsApp gives out.
pub(crate) fn jid(address: &Address) -> Option<Jid> {
    let server = match address.domain {
        Domain::Phone => Server::Pn,
        Domain::Lid => Server::Lid,
        Domain::Hosted => Server::Hosted,
        Domain::HostedLid => Server::HostedLid,
    };
    let device = u16::try_from(address.device).ok()?;
    Some(Jid::new(address.user.as_str(), server).with_device(device))
}

/// The key of a row about a device.
pub(crate) fn row_key(address: &Address) -> Option<String> {
    Some(jid(address)?.to_protocol_address_string())
}

/// The device that a row is about.
pub(crate) fn of_row_key(key: &str) -> Option<Address> {
    Address::from_jid(key.strip_suffix(".0")?)
}

/// The group and the device that a sender key's row is about.
pub(crate) fn of_sender_key(key: &str) -> Option<(String, Address)> {
    // A group's JID has no colon.
    let (group, sender) = key.split_once(':')?;
    Some((group.to_owned(), of_row_key(sender)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelt_as_the_client_spells_them() {
        let cases = [
            ("628111", Domain::Phone, 0, "628111@c.us.0"),
            ("628111", Domain::Phone, 12, "628111:12@c.us.0"),
            ("100000000000022", Domain::Lid, 3, "100000000000022:3@lid.0"),
            ("628111", Domain::Hosted, 99, "628111:99@hosted.0"),
            ("100000000000022", Domain::HostedLid, 99, "100000000000022:99@hosted.lid.0"),
        ];
        for (user, domain, device, key) in cases {
            let address = Address { user: user.into(), domain, device };
            assert_eq!(row_key(&address).as_deref(), Some(key));
            assert_eq!(of_row_key(key), Some(address.clone()));
            let group = format!("628-139@g.us:{key}");
            assert_eq!(of_sender_key(&group), Some(("628-139@g.us".to_owned(), address)));
        }
        assert_eq!(row_key(&Address { user: "1".into(), domain: Domain::Phone, device: 70_000 }), None);
    }
}
