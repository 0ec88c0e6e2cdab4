//! Groups through the API, with a real Baileys client on the other side: what the gateway changes is seen there, what is
//! changed there is told by events, and every answer and event is what `openapi.json` promises.

mod asking;
mod changing;
mod joining;
mod limits;

use wakeeper_e2e::{Addressing, Baileys, Lab, Party, Peer, Webhooks, told};

use self::asking::Asking;

const GATEWAY: &str = "491701000001";
const PEER: &str = "491701000002";
const CONTACT: &str = "491701000003";

/// Who takes part.
struct Cast<'a> {
    api: Asking<'a>,
    webhooks: &'a Webhooks,
    /// Whose gateway it is.
    owner: &'a wakeeper_e2e::Address,
    peer: &'a Peer,
    /// Who the peer is.
    other: &'a wakeeper_e2e::Address,
    contact: &'a Party,
}

impl Cast<'_> {
    /// Calls one of Baileys' functions for groups.
    async fn peers(&self, method: &str, arguments: serde_json::Value) -> serde_json::Value {
        let call = serde_json::json!({"method": method, "args": arguments});
        self.peer.call("group", call).await["result"].clone()
    }

    /// Waits for an event of a group, of which `is` tells it apart.
    async fn told(
        &self,
        event: &str,
        group: &str,
        is: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let of_group = |payload: &serde_json::Value| payload["group"]["id"] == group && is(payload);
        self.webhooks.wait(event, wakeeper_e2e::PATIENCE, of_group).await.payload().clone()
    }
}

async fn administration(version: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut party = lab.linked_gateway("gateway", GATEWAY).await;
        let other = lab.linked_peer("baileys", version, PEER).await;
        let contact = lab.contact("contact", CONTACT).await;
        let owner = party.address().clone();
        let (gateway, webhooks) = party.as_gateway();
        let cast = Cast {
            api: Asking::of(gateway),
            webhooks,
            owner: &owner,
            peer: other.as_peer(),
            other: other.address(),
            contact: &contact,
        };
        let group = changing::made(&cast).await;
        changing::named_and_described(&cast, &group).await;
        changing::settings(&cast, &group).await;
        changing::picture(&cast, &group).await;
        changing::members(&cast, &group).await;
        changing::by_the_other_side(&cast, &group).await;
        joining::by_request(&cast, &group).await;
        joining::elsewhere(&cast).await;
        limits::unknown_and_forbidden(&cast, &group).await;
        changing::ended(&cast, &group).await;
        limits::sends(&cast, &group).await;
        cast.api.assert_every_operation_was_asked();
        asking::assert_events_are_as_promised(webhooks);
        webhooks.assert_all_signed();
        limits::stopped(&cast.api).await;
    })
    .await;
}

#[tokio::test]
async fn groups_with_baileys6_by_number() {
    administration(Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn groups_with_baileys7_by_number() {
    administration(Baileys::Seven, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn groups_with_baileys7_by_lid() {
    administration(Baileys::Seven, Addressing::Lid).await;
}
