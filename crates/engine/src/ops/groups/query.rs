//! Questions about groups whose answers whatsapp-rust 0.7.0 reads only in part.
//!
//! It takes `<member_add_mode>` and `<member_share_group_history_mode>` for absent unless the wire writes their text as a token of its
//! dictionary, which holds none of these words; and of a request to join it keeps neither the phone number nor how it came about. The
//! requests are its own.

use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::wacore::iq::groups::{
    GetMembershipRequestsIq, GroupInfoResponse, GroupParticipatingIq, GroupQueryIq,
};
use whatsapp_rust::wacore::iq::spec::IqSpec;
use whatsapp_rust::wacore::protocol::ProtocolNode;
use whatsapp_rust::wacore::request::InfoQuery;
use whatsapp_rust::wacore_binary::NodeRef;
use whatsapp_rust::{GroupMetadata, Jid};

/// All that WhatsApp says of a group.
pub(crate) struct Described {
    /// What whatsapp-rust reads of it.
    pub metadata: GroupMetadata,
    /// Members who are no admin may add others.
    pub members_add: bool,
    /// Members who are no admin may give earlier messages to new members.
    pub members_share_history: bool,
}

impl Described {
    /// Reads `<group>` or `<community>`.
    pub(crate) fn read(node: &NodeRef<'_>) -> anyhow::Result<Self> {
        let text = |tag| node.get_optional_child(tag).and_then(NodeRef::content_as_string);
        Ok(Self {
            metadata: GroupInfoResponse::try_from_node_ref(node)?.into(),
            members_add: text("member_add_mode").is_some_and(|mode| mode == "all_member_add"),
            members_share_history: text("member_share_group_history_mode")
                .is_some_and(|mode| mode == "all_member_share"),
        })
    }
}

fn group_in<'a>(node: &'a NodeRef<'_>) -> Option<&'a NodeRef<'a>> {
    node.get_optional_child("group").or_else(|| node.get_optional_child("community"))
}

/// What WhatsApp says of one group.
pub(crate) struct OneGroup(pub Jid);

impl IqSpec for OneGroup {
    type Response = Described;

    fn build_iq(&self) -> InfoQuery<'static> {
        GroupQueryIq::new(&self.0).build_iq()
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Described> {
        Described::read(group_in(response).ok_or_else(|| anyhow!("no <group>"))?)
    }
}

/// What WhatsApp says of every group that the account is in.
pub(crate) struct AllGroups;

impl IqSpec for AllGroups {
    type Response = Vec<Described>;

    fn build_iq(&self) -> InfoQuery<'static> {
        GroupParticipatingIq::new().build_iq()
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Vec<Described>> {
        let list =
            response.get_optional_child("groups").or_else(|| response.get_optional_child("communities"));
        let groups = list.unwrap_or(response).children().unwrap_or_default().iter();
        groups
            .filter(|node| matches!(node.tag.as_ref(), "group" | "community"))
            .map(Described::read)
            .collect()
    }
}

/// Somebody who waits to be let in.
pub(crate) struct Asking {
    /// Who.
    pub jid: Jid,
    /// Their phone number.
    pub phone_number: Option<Jid>,
    /// The member who proposed them.
    pub proposed_by: Option<Jid>,
    /// The community through which they ask.
    pub parent: Option<Jid>,
    /// How they ask.
    pub method: Option<String>,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// Who waits to be let into a group. The names of the attributes are those that WAHA and WhatsApp Web read.
pub(crate) struct JoinRequests(pub Jid);

impl IqSpec for JoinRequests {
    type Response = Vec<Asking>;

    fn build_iq(&self) -> InfoQuery<'static> {
        GetMembershipRequestsIq::new(&self.0).build_iq()
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Vec<Asking>> {
        let list = response
            .get_optional_child("membership_approval_requests")
            .ok_or_else(|| anyhow!("no <membership_approval_requests>"))?;
        let asking = list.get_children_by_tag("membership_approval_request").map(|node| {
            let mut attrs = node.attrs();
            let seconds = |text: Option<std::borrow::Cow<'_, str>>| text.and_then(|text| text.parse().ok());
            Ok(Asking {
                jid: attrs.optional_jid("jid").ok_or_else(|| anyhow!("a request of nobody"))?,
                phone_number: attrs.optional_jid("phone_number"),
                proposed_by: attrs.optional_jid("requestor"),
                parent: attrs.optional_jid("parent_group_jid"),
                method: attrs.optional_string("request_method").map(std::borrow::Cow::into_owned),
                since: seconds(attrs.optional_string("request_time"))
                    .or_else(|| seconds(attrs.optional_string("t")))
                    .unwrap_or(0),
            })
        });
        asking.collect()
    }
}
