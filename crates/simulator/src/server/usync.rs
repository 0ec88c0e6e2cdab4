//! `usync`: who has an account, under which addresses, with which devices (section 7).

use super::dispatch::Caller;
use super::world::World;
use crate::jid::{Jid, PHONE_SERVER};
use crate::node::Node;

/// What an account's "about" text says when nobody set one.
const USUAL_STATUS: &str = "Hey there! I am using WhatsApp.";

impl World {
    /// Answers every asked protocol for every asked user.
    pub fn usync(&mut self, caller: &Caller, iq: &Node) {
        self.counters.add("usync_queries");
        let Some(asked) = iq.find("usync") else {
            self.refuse(caller.link, iq, 400, "bad-request");
            return;
        };
        let protocols: Vec<&str> = asked
            .find("query")
            .map(|query| query.nodes().iter().map(|protocol| protocol.tag.as_str()).collect())
            .unwrap_or_default();
        let users: Vec<Node> = asked
            .find("list")
            .map(|list| list.find_all("user").filter_map(|user| self.usync_user(caller, &protocols, user)))
            .into_iter()
            .flatten()
            .collect();
        let mut answer = Node::new("usync");
        for key in ["sid", "index", "last", "mode", "context"] {
            answer = answer.attr_opt(key, asked.get(key));
        }
        let answer = answer.child(Node::new("result")).child(Node::new("list").children(users));
        self.reply(caller.link, iq, vec![answer]);
    }

    fn usync_user(&mut self, caller: &Caller, protocols: &[&str], user: &Node) -> Option<Node> {
        let jid = match user.get("jid") {
            Some(jid) => Jid::parse(jid)?,
            None => asked_number(user)?,
        };
        let jid = jid.with_device(0);
        let answer = Node::new("user").attr("jid", jid.to_string());
        let Some(account) = self.resolve(&jid) else {
            // An unknown number is only worth an answer to the question whether it is known.
            return protocols
                .contains(&"contact")
                .then(|| answer.child(Node::new("contact").attr("type", "out")));
        };
        let number = account.number.clone();
        let children: Vec<Node> =
            protocols.iter().filter_map(|protocol| self.usync_protocol(&number, &jid, protocol)).collect();
        if protocols.contains(&"devices")
            && number != caller.address.number
            && let Some(account) = self.accounts.get_mut(&number)
        {
            account.acquainted.insert(caller.address.number.clone());
        }
        Some(answer.children(children))
    }

    fn usync_protocol(&mut self, number: &str, jid: &Jid, protocol: &str) -> Option<Node> {
        let account = self.accounts.get_mut(number)?;
        Some(match protocol {
            "devices" => account.device_list(),
            "contact" => Node::new("contact").attr("type", "in"),
            // Baileys 7 stores the queried id and `val` as phone number and LID, so that only
            // questions about phone numbers get an answer.
            "lid" if !jid.is_lid() => Node::new("lid").attr("val", account.lid_jid().to_string()),
            "status" => {
                let about = account.about.as_deref().unwrap_or(USUAL_STATUS);
                Node::new("status").attr("t", "0").bytes(about.as_bytes())
            }
            "disappearing_mode" => Node::new("disappearing_mode").attr("duration", "0").attr("t", "0"),
            "picture" => match &account.picture {
                Some(picture) => Node::new("picture").attr("id", picture.id.clone()),
                None => Node::new("picture").child(Node::new("error").attr("code", "404")),
            },
            _ => return None,
        })
    }
}

/// A user that is asked for by number: `<contact>+62…</contact>`.
fn asked_number(user: &Node) -> Option<Jid> {
    let text = std::str::from_utf8(user.child_data("contact")?).ok()?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| Jid::new(digits, PHONE_SERVER))
}
