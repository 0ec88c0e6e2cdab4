//! Everything else that clients ask: props, privacy, blocklist, media hosts and harmless answers
//! (section 6).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::account::StanzaClass;
use super::dispatch::Caller;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Privacy settings that an account has until it changes them.
const PRIVACY: [(&str, &str); 9] = [
    ("last", "all"),
    ("online", "all"),
    ("profile", "all"),
    ("status", "all"),
    ("readreceipts", "all"),
    ("groupadd", "all"),
    ("calladd", "all"),
    ("messages", "all"),
    ("defense", "off"),
];
/// Settings that an account may store, so that a client cannot fill the memory.
const MOST_SETTINGS: usize = 64;
/// How long a media host answer is good, in seconds.
const MEDIA_TTL: &str = "3600";

impl World {
    /// Answers the `iq` namespaces that have no module of their own.
    pub fn settings_iq(&mut self, caller: &Caller, iq: &Node, namespace: &str, kind: &str) {
        let children = match (namespace, kind) {
            ("w" | "abt", "get") => {
                let protocol = iq.find("props").and_then(|props| props.get("protocol")).unwrap_or("1");
                vec![Node::new("props").attr("protocol", protocol).attr("hash", "sim")]
            }
            ("privacy", "get") => vec![self.privacy(caller)],
            ("privacy", _) => self.set_privacy(caller, iq),
            ("blocklist", "get") => vec![self.blocklist(caller)],
            ("blocklist", _) => self.set_blocked(caller, iq),
            ("w:m", _) => vec![self.media_hosts()],
            ("w:mex", _) => vec![self.mex(caller, iq)],
            // Statuses are shown to everybody in the address book: nothing else was set (whatsmeow, `broadcast.go`).
            ("status", "get") => {
                let list = Node::new("list").attr("type", "contacts").attr("default", "true");
                vec![Node::new("privacy").child(list)]
            }
            ("status", "set") => match self.set_about(caller, iq) {
                Ok(()) => Vec::new(),
                Err((code, text)) => return self.refuse(caller.link, iq, code, text),
            },
            (
                "w:p"
                | "urn:xmpp:ping"
                | "urn:xmpp:whatsapp:dirty"
                | "w:stats"
                | "w:biz"
                | "disappearing_mode"
                | "bot"
                | "tos",
                _,
            ) => Vec::new(),
            _ => {
                let child = iq.nodes().first().map_or("", |child| child.tag.as_str());
                let what = format!("iq {namespace} {child}");
                self.counters.unknown(&what);
                Vec::new()
            }
        };
        self.reply(caller.link, iq, children);
    }

    fn media_hosts(&mut self) -> Node {
        let host = Node::new("host")
            .attr("hostname", self.config.media_host.clone())
            .attr("type", "primary")
            .attr("maxContentLengthBytes", "104857600");
        let auth: [u8; 16] = self.random();
        Node::new("media_conn")
            .attr("auth", URL_SAFE_NO_PAD.encode(auth))
            .attr("ttl", MEDIA_TTL)
            .attr("auth_ttl", MEDIA_TTL)
            .attr("max_buckets", "12")
            .child(host)
    }

    fn privacy(&self, caller: &Caller) -> Node {
        let own = self.account_of(&caller.address).map(|account| &account.privacy);
        let usual = PRIVACY.iter().filter(|(name, _)| own.is_none_or(|own| !own.contains_key(*name)));
        let usual = usual.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changed = own.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
        let categories = usual
            .chain(changed)
            .map(|(name, value)| Node::new("category").attr("name", name).attr("value", value));
        Node::new("privacy").children(categories)
    }

    fn set_privacy(&mut self, caller: &Caller, iq: &Node) -> Vec<Node> {
        if let Some(tokens) = iq.find("tokens") {
            let tokens: Vec<Node> =
                tokens.find_all("token").filter_map(|token| self.give_token(caller, token)).collect();
            return vec![Node::new("tokens").children(tokens)];
        }
        let Some(account) = self.accounts.get_mut(&caller.address.number) else { return Vec::new() };
        for category in iq.find("privacy").into_iter().flat_map(|privacy| privacy.find_all("category")) {
            if let (Some(name), Some(value)) = (category.get("name"), category.get("value"))
                && (account.privacy.len() < MOST_SETTINGS || account.privacy.contains_key(name))
            {
                account.privacy.insert(name.to_owned(), value.to_owned());
            }
        }
        vec![self.privacy(caller)]
    }

    /// A privacy token for a contact: its bytes go back to the giver and, as a notification, to
    /// the contact.
    fn give_token(&mut self, caller: &Caller, token: &Node) -> Option<Node> {
        let jid = Jid::parse(token.get("jid")?)?;
        let t = token.get("t").unwrap_or("0");
        let kind = token.get("type").unwrap_or("trusted_contact");
        let bytes: [u8; 24] = self.random();
        let given = Node::new("token").attr("type", kind).attr("t", t).bytes(bytes);
        let contact = self.resolve(&jid)?.number.clone();
        let giver = self.account_of(&caller.address)?;
        let (from, giver_lid) = (giver.jid(jid.is_lid()).to_string(), giver.lid_jid().to_string());
        for receiver in self.addresses(&contact) {
            let id = self.next_id();
            let notification = Node::new("notification")
                .attr("from", from.clone())
                .attr("type", "privacy_token")
                .attr("id", id.clone())
                .attr("t", self.seconds_for(&receiver).to_string())
                .attr("sender_lid", giver_lid.clone())
                .child(Node::new("tokens").child(given.clone()));
            self.deliver(&receiver, StanzaClass::Notification, &id, notification);
        }
        Some(given.attr("jid", jid.to_string()))
    }

    fn blocklist(&self, caller: &Caller) -> Node {
        let mut blocked: Vec<&String> = self
            .account_of(&caller.address)
            .map(|account| account.blocked.iter().collect())
            .unwrap_or_default();
        blocked.sort_unstable();
        let items = blocked.into_iter().filter_map(|number| self.accounts.get(number)).map(|account| {
            Node::new("item")
                .attr("jid", account.lid_jid().to_string())
                .attr("pn_jid", account.phone_jid().to_string())
        });
        Node::new("list").children(items)
    }

    fn set_blocked(&mut self, caller: &Caller, iq: &Node) -> Vec<Node> {
        for item in iq.find_all("item") {
            let jid = item.get("jid").and_then(Jid::parse);
            let Some(number) = jid.and_then(|jid| Some(self.resolve(&jid)?.number.clone())) else { continue };
            let Some(account) = self.accounts.get_mut(&caller.address.number) else { continue };
            if item.get("action") == Some("unblock") {
                account.blocked.remove(&number);
            } else {
                account.blocked.insert(number);
            }
        }
        vec![self.blocklist(caller)]
    }
}
