//! `w:mex`: GraphQL in a stanza. Persisted queries are told apart by their number.

use serde_json::{Value, json};

use super::dispatch::Caller;
use super::groups::SHARE_HISTORY_MODE;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Changes a property of a group (whatsapp-rust 0.7.0, `mex_operations.rs`, `update_group_property`).
const UPDATE_GROUP_PROPERTY: &str = "9418211574894172";
/// How many people may be written to for the first time (`WAWebMexFetchNewChatMessageCappingInfoJobQuery`).
const CAPPING: &str = "24503548349331633";
/// Until when nobody new may be written to (`WAWebMexFetchReachoutTimelockJobQuery`).
const TIMELOCK: &str = "23983697327930364";

impl World {
    /// `<result>` of a query. Of those that are not known here it holds no data.
    pub fn mex(&mut self, caller: &Caller, iq: &Node) -> Node {
        let query = iq.find("query");
        let asked = query.and_then(Node::data).and_then(|text| serde_json::from_slice(text).ok());
        let asked: Value = asked.unwrap_or_default();
        let id = query.and_then(|query| query.get("query_id"));
        let of_newsletters = id.and_then(|id| self.ask_newsletters(&caller.address, id, &asked["variables"]));
        if let Some(answer) = of_newsletters {
            return Node::new("result").bytes(answer.to_string().into_bytes());
        }
        let answer = match id {
            Some(UPDATE_GROUP_PROPERTY) => self.update_group_property(caller, &asked["variables"]),
            // Nobody is limited here.
            Some(CAPPING) => json!({ "data": { "xwa2_message_capping_info": {
                "capping_status": "NONE", "total_quota": "0", "used_quota": "0", "mv_status": "NOT_ELIGIBLE",
                "ote_status": "NOT_ELIGIBLE",
            } } }),
            Some(TIMELOCK) => json!({ "data": { "xwa2_fetch_account_reachout_timelock": {
                "enforcement_type": "DEFAULT", "is_active": false,
            } } }),
            _ => json!({ "data": {} }),
        };
        Node::new("result").bytes(answer.to_string().into_bytes())
    }

    fn update_group_property(&mut self, caller: &Caller, variables: &Value) -> Value {
        let refused = |code: u16, text: &str| json!({ "data": null, "errors": [{ "message": text, "extensions": { "error_code": code } }] });
        let jid = variables["group_id"].as_str().and_then(Jid::parse).filter(Jid::is_group);
        let Some(group) = jid.as_ref().and_then(|jid| self.groups.get_mut(&jid.user)) else {
            return refused(404, "item-not-found");
        };
        if !group.is_admin(&caller.address.number) {
            return refused(403, "forbidden");
        }
        let Some(mode) = variables["update"][SHARE_HISTORY_MODE].as_str() else {
            return refused(400, "bad-request");
        };
        group.settings.insert(SHARE_HISTORY_MODE.to_owned(), mode.to_ascii_lowercase());
        json!({ "data": { "xwa2_group_update_property": { "id": variables["group_id"], "state": "ACTIVE" } } })
    }
}
