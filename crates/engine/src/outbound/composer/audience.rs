//! Who gets a status when nobody is named: whom the account shows its statuses to, which is set on its phone.
//!
//! The question (`<iq xmlns="status" type="get"><privacy/></iq>`), its answer (`<privacy><list type default><user jid/></list></privacy>`)
//! and what each type means are as whatsmeow has them (`broadcast.go`): the phone's people are those of the address book.

use std::collections::BTreeSet;

use wakeeper_model::ChatId;
use wakeeper_storage::{ContactQuery, ContactRow};
use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::wacore::iq::spec::IqSpec;
use whatsapp_rust::wacore::request::InfoQuery;
use whatsapp_rust::wacore_binary::{NodeContent, NodeRef};
use whatsapp_rust::{IqError, Jid, NodeBuilder, Server};

use super::Composer;
use crate::address;
use crate::outbound::error::SendError;

/// Most people that a status goes to, as in requests that name them.
const MOST: usize = 5_000;
/// People read from the rows at once.
const PAGE: u32 = 5_000;

/// To whom the account shows its statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// Everybody in the address book.
    Book,
    /// The same, but for these.
    BookBut(Vec<Jid>),
    /// These alone.
    Only(Vec<Jid>),
}

/// Asks to whom the account shows its statuses.
struct StatusPrivacy;

impl IqSpec for StatusPrivacy {
    type Response = Shown;

    fn build_iq(&self) -> InfoQuery<'static> {
        let content = NodeContent::Nodes(vec![NodeBuilder::new("privacy").build()]);
        InfoQuery::get("status", Jid::new("", Server::Pn), Some(content))
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Shown> {
        let lists: Vec<_> = match response.get_optional_child("privacy") {
            Some(privacy) => privacy.get_children_by_tag("list").collect(),
            None => Vec::new(),
        };
        let is_default =
            |list: &&&NodeRef<'_>| list.get_attr("default").is_some_and(|it| it.as_str() == "true");
        let Some(list) = lists.iter().find(is_default).or(lists.first()) else { return Ok(Shown::Book) };
        let people = list.get_children_by_tag("user");
        let people = people.map(|user| user.get_attr("jid")?.as_str().parse::<Jid>().ok());
        // Whoever cannot be read may be one who is not to see it.
        let people: Option<Vec<Jid>> = people.collect();
        let people = people.ok_or_else(|| anyhow!("a <user> without a JID"))?;
        let kind = list.get_attr("type").map(|kind| kind.as_str().into_owned()).unwrap_or_default();
        match kind.as_str() {
            "contacts" => Ok(Shown::Book),
            "blacklist" => Ok(Shown::BookBut(people)),
            "whitelist" => Ok(Shown::Only(people)),
            _ => Err(anyhow!("a <list> of an unknown type")),
        }
    }
}

impl Composer<'_> {
    /// Those whom the account shows its statuses to, as the wire names them.
    pub(super) async fn audience(&self) -> Result<Vec<Jid>, SendError> {
        let people = match self.shown().await? {
            Shown::Only(people) => people,
            Shown::Book => self.book(&[]).await?,
            Shown::BookBut(hidden) => self.book(&hidden).await?,
        };
        let refused = |reason: String| Err(SendError::InvalidRequest(reason));
        match people.len() {
            0 => refused(
                "contacts: give those who are to see the status; nobody stands in the account's address book whom it shows \
                 its statuses to"
                    .to_owned(),
            ),
            1..=MOST => Ok(people),
            _ => refused(format!("contacts: the account shows its statuses to more than {MOST} people; give some")),
        }
    }

    async fn shown(&self) -> Result<Shown, SendError> {
        match self.client.execute(StatusPrivacy).await {
            Ok(shown) => Ok(shown),
            // It was never set.
            Err(IqError::ServerError { code: 404, .. }) => Ok(Shown::Book),
            Err(error) => {
                tracing::debug!(session = %self.state.name(), %error, "the privacy of statuses was not told");
                Err(SendError::Failed {
                    reason: "WhatsApp did not tell to whom the account shows its statuses",
                })
            }
        }
    }

    /// Everybody in the address book but these and the account itself.
    async fn book(&self, hidden: &[Jid]) -> Result<Vec<Jid>, SendError> {
        let mut left_out = BTreeSet::new();
        for jid in hidden {
            let address = address::resolve(self.client, jid, None).await;
            let names = address.into_iter().flat_map(|address| [Some(address.id), address.alt]);
            left_out.extend(names.flatten());
        }
        let (storage, name) = (self.journal.storage(), self.state.name().as_str());
        let mut people = Vec::new();
        for page in 0.. {
            let query = ContactQuery { by_name: false, descending: false, limit: PAGE, offset: page * PAGE };
            let rows = storage.contacts(name, query).await?;
            let saved = rows.iter().filter(|row| row.saved).filter_map(|row| person(row, &left_out));
            people.extend(saved.filter(|jid| !self.state.is_own(jid)));
            if rows.len() < PAGE as usize || people.len() > MOST {
                break;
            }
        }
        Ok(people)
    }
}

/// A person as the wire names them, by LID where it is known; `None` for one who is left out.
fn person(row: &ContactRow, left_out: &BTreeSet<ChatId>) -> Option<Jid> {
    let names = [row.lid.as_deref(), Some(&row.id)];
    let names: Vec<ChatId> = names.into_iter().flatten().filter_map(|name| name.parse().ok()).collect();
    if names.iter().any(|name| left_out.contains(name)) {
        return None;
    }
    names.first()?.to_wire().parse().ok()
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore_binary::Node;

    use super::*;

    fn list(kind: &str, default: bool, people: &[&str]) -> Node {
        let users = people.iter().map(|jid| NodeBuilder::new("user").attr("jid", *jid).build());
        let list = NodeBuilder::new("list").attr("type", kind).attr("default", default.to_string());
        list.children(users.collect::<Vec<_>>()).build()
    }

    fn read(lists: Vec<Node>) -> Option<Shown> {
        let privacy = NodeBuilder::new("privacy").children(lists).build();
        let answer = NodeBuilder::new("iq").children([privacy]).build();
        StatusPrivacy.parse_response(&answer.as_node_ref()).ok()
    }

    #[test]
    fn the_list_that_is_set_counts() {
        let jid = |text: &str| text.parse::<Jid>().unwrap();
        let one = "628111@s.whatsapp.net";
        assert_eq!(read(Vec::new()), Some(Shown::Book));
        assert_eq!(read(vec![list("contacts", true, &[])]), Some(Shown::Book));
        let lists = vec![list("contacts", false, &[]), list("blacklist", true, &[one])];
        assert_eq!(read(lists), Some(Shown::BookBut(vec![jid(one)])));
        assert_eq!(read(vec![list("whitelist", true, &["77@lid"])]), Some(Shown::Only(vec![jid("77@lid")])));
        assert_eq!(
            read(vec![list("friends", true, &[])]),
            None,
            "nobody is shown what may be hidden from them"
        );
    }

    #[test]
    fn who_is_left_out_is_so_under_either_name() {
        let row =
            ContactRow { id: "628111@c.us".into(), lid: Some("77@lid".into()), ..ContactRow::default() };
        let wire = |out: &[&str]| {
            let out = out.iter().map(|id| id.parse().unwrap()).collect();
            person(&row, &out).map(|jid| jid.to_string())
        };
        assert_eq!(wire(&["628112@c.us"]).as_deref(), Some("77@lid"));
        assert_eq!(wire(&["628111@c.us"]), None);
        assert_eq!(wire(&["77@lid"]), None);
    }
}
