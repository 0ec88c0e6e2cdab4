//! Coming into groups and going: by invite code, by request, and as others want it.

use serde_json::{Value, json};
use wakeeper_e2e::PATIENCE;

use super::Cast;
use super::changing::of;

const REQUESTS: &str = "/{id}/participants/join-requests";

/// The peer asks to join the API's group, and is let in, refused, or thinks better of it.
pub async fn by_request(cast: &Cast<'_>, group: &str) {
    let approval = json!({"newMembersApprovalRequired": true});
    cast.api.put("/{id}/settings/security/membership-approval", group, approval).await;
    let former = cast.api.get("/{id}/invite-code", group).await;
    let code = cast.api.post("/{id}/invite-code/revoke", group, None).await;
    assert_ne!(former, code);
    let code = code.as_str().expect("a code").to_owned();
    let peer = json!({"participants": [{"id": cast.other.chat_id()}]});
    assert_eq!(cast.api.get(REQUESTS, group).await, json!([]));

    for (ending, action) in [("reject", "rejected"), ("cancel", "revoked"), ("approve", "")] {
        if ending == "reject" {
            cast.api.post("/{id}/participants/remove", group, Some(peer.clone())).await;
        }
        let told = cast.webhooks.deliveries().read(<[_]>::len);
        cast.peers("groupAcceptInvite", json!([code])).await;
        let asked = request(cast, told, group, "created").await;
        assert_eq!(asked["requestMethod"], "invite_link");
        let waiting = cast.api.get(REQUESTS, group).await;
        let waiting = waiting.as_array().expect("requests");
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert!(cast.other.is(waiting[0]["requesterId"].as_str().unwrap()), "{waiting:?}");
        assert_eq!(waiting[0]["requesterPn"], cast.other.chat_id());
        assert_eq!(waiting[0]["requestMethod"], "invite_link");
        assert!(waiting[0]["timestamp"].as_u64() > Some(1_700_000_000), "{waiting:?}");
        if ending == "cancel" {
            cast.peer.call("cancel-join", json!({"group": group})).await;
        } else {
            let results = cast.api.post(&format!("{REQUESTS}/{ending}"), group, Some(peer.clone())).await;
            assert_eq!(results, json!([{"requesterId": cast.other.chat_id(), "success": true}]));
        }
        if !action.is_empty() {
            request(cast, told, group, action).await;
        }
        assert_eq!(cast.api.get(REQUESTS, group).await, json!([]));
    }
    let members = cast.api.get("/{id}/participants/v2", group).await;
    assert!(of(&members, cast.other).is_some(), "{members}");
    // Nobody waits any more.
    let results = cast.api.post(&format!("{REQUESTS}/approve"), group, Some(peer)).await;
    assert_eq!(results, json!([{"requesterId": cast.other.chat_id(), "success": false, "error": 404}]));
}

/// The event of the peer's request that came after so many others.
async fn request(cast: &Cast<'_>, told: usize, group: &str, action: &str) -> Value {
    let found = |all: &[wakeeper_e2e::webhook::Delivery]| {
        let is = |payload: &&Value| {
            payload["group"]["id"] == group
                && payload["action"] == action
                && payload["requesterId"].as_str().is_some_and(|id| cast.other.is(id))
        };
        let requests = all[told..].iter().filter(|d| d.event() == "group.v2.participants.join-request");
        requests.map(wakeeper_e2e::webhook::Delivery::payload).find(is).cloned()
    };
    cast.webhooks.deliveries().wait(action, PATIENCE, found).await
}

/// The peer's own group: the API joins, is removed, is added, leaves.
pub async fn elsewhere(cast: &Cast<'_>) {
    let made = cast.peers("groupCreate", json!(["made by Baileys", [cast.contact.address().jid()]])).await;
    let group = made["id"].as_str().expect("an id");
    let code = cast.peers("groupInviteCode", json!([group])).await;
    let link = format!("https://chat.whatsapp.com/{}", code.as_str().expect("a code"));
    let info = cast.api.find("/join-info", &format!("?code={link}")).await;
    assert_eq!((&info["id"], &info["subject"]), (&json!(group), &json!("made by Baileys")));
    // The whole link, the code alone, and once more by whom is in it already.
    for code in [json!(link), code.clone(), code] {
        assert_eq!(cast.api.post("/join", "", Some(json!({"code": code}))).await, json!({"id": group}));
    }
    let joined = cast.told("group.v2.join", group, |_| true).await;
    assert_eq!(joined["group"]["subject"], "made by Baileys");

    let update = async |action: &str| {
        cast.peers("groupParticipantsUpdate", json!([group, [cast.owner.jid()], action])).await;
    };
    update("remove").await;
    cast.told("group.v2.leave", group, |_| true).await;
    let own =
        |payload: &Value| payload["type"] == "leave" && of(&payload["participants"], cast.owner).is_some();
    cast.told("group.v2.participants", group, own).await;
    let told = cast.webhooks.deliveries().read(<[_]>::len);
    update("add").await;
    let again = |all: &[wakeeper_e2e::webhook::Delivery]| {
        all[told..].iter().any(|delivery| delivery.event() == "group.v2.join").then_some(())
    };
    cast.webhooks.deliveries().wait("another group.v2.join", PATIENCE, again).await;

    // A member who is no admin.
    cast.peers("groupSettingUpdate", json!([group, "locked"])).await;
    for (method, path, body) in [
        ("PUT", "/{id}/subject", json!({"subject": "not allowed"})),
        ("PUT", "/{id}/description", json!({"description": "not allowed"})),
        ("PUT", "/{id}/settings/security/info-admin-only", json!({"adminsOnly": false})),
        ("PUT", "/{id}/settings/security/messages-admin-only", json!({"adminsOnly": true})),
        ("PUT", "/{id}/settings/security/member-share-history-mode", json!({"membersCanShareHistory": true})),
        ("POST", "/{id}/participants/remove", json!({"participants": [{"id": cast.other.chat_id()}]})),
        ("POST", "/{id}/admin/promote", json!({"participants": [{"id": cast.owner.chat_id()}]})),
        ("POST", "/{id}/invite-code/revoke", json!({})),
        ("DELETE", "/{id}/picture", Value::Null),
        ("DELETE", "/{id}", Value::Null),
    ] {
        let body = Some(body).filter(|body| !body.is_null());
        cast.api.refused(method, path, group, body, 403, "group_forbidden").await;
    }
    assert_eq!(cast.peers("groupMetadata", json!([group])).await["subject"], "made by Baileys");
    cast.api.post("/{id}/leave", group, None).await;
    // Who is in it no more cannot leave it.
    cast.api.refused("POST", "/{id}/leave", group, None, 403, "group_forbidden").await;
    cast.api.send_refused(group, 403, "group_forbidden").await;
}
