//! What is changed on one side is seen on the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Address, PATIENCE};

use super::Cast;

/// The person's entry in a list of participants.
pub fn of<'a>(participants: &'a Value, person: &Address) -> Option<&'a Value> {
    let is = |id: &Value| id.as_str().is_some_and(|id| person.is(id));
    participants.as_array().expect("participants").iter().find(|one| is(&one["id"]) || is(&one["pn"]))
}

fn people(addresses: &[&Address]) -> Value {
    let ids: Vec<_> = addresses.iter().map(|address| json!({"id": address.chat_id()})).collect();
    json!({"participants": ids})
}

/// A group that the API makes is there on all sides.
pub async fn made(cast: &Cast<'_>) -> String {
    let mut new = people(&[cast.other, cast.contact.address()]);
    new["name"] = json!("made by the API");
    let group = cast.api.post("", "", Some(new)).await;
    let id = group["id"].as_str().expect("an id").to_owned();
    assert_eq!((&group["subject"], &group["size"]), (&json!("made by the API"), &json!(3)));
    assert_eq!(of(&group["participants"], cast.owner).unwrap()["role"], "superadmin");
    assert_eq!(of(&group["participants"], cast.other).unwrap()["role"], "participant");
    cast.peer
        .wait("group", PATIENCE, |event| event["id"] == *id && event["subject"] == "made by the API")
        .await;
    let joined = cast.told("group.v2.join", &id, |_| true).await;
    assert_eq!(joined["group"]["participants"].as_array().map(Vec::len), Some(3));

    // Both names of each, whichever the group uses.
    for path in ["/{id}/participants", "/{id}/participants/v2"] {
        let members = cast.api.get(path, &id).await;
        assert_eq!(of(&members, cast.contact.address()).unwrap()["pn"], cast.contact.address().chat_id());
    }
    // Ids without their server name the same group.
    let bare = cast.api.get("/{id}", id.trim_end_matches("@g.us")).await;
    assert_eq!(bare, cast.api.get("/{id}", &id).await);
    listed(cast, &id).await;
    id
}

async fn listed(cast: &Cast<'_>, id: &str) {
    let mut second = people(&[cast.contact.address()]);
    second["name"] = json!("another one");
    let second = cast.api.post("", "", Some(second)).await["id"].as_str().unwrap().to_owned();
    assert_eq!(cast.api.find("/count", "").await, json!({"count": 2}));
    assert_eq!(cast.api.post("/refresh", "", None).await, json!({"success": true}));
    let names = |groups: &Value| -> Vec<String> {
        groups.as_object().unwrap().values().map(|group| group["subject"].to_string()).collect()
    };
    let all = cast.api.find("", "").await;
    assert_eq!(all[id]["participants"].as_array().map(Vec::len), Some(3));
    assert_eq!(names(&all).len(), 2);
    let first = cast.api.find("", "?sortBy=subject&sortOrder=asc&limit=1&offset=&exclude=participants").await;
    assert_eq!(first.as_object().unwrap().keys().collect::<Vec<_>>(), [&second]);
    assert!(first[&second].get("participants").is_none());
    let last = cast.api.find("", "?sortBy=subject&sortOrder=asc&limit=1&offset=1").await;
    assert_eq!(names(&last), ["\"made by the API\""]);
    let other_way = cast.api.find("", "?sortBy=subject&sortOrder=desc&limit=1").await;
    assert_eq!(other_way, last);
    assert_eq!(cast.api.post("/{id}/leave", &second, None).await, json!({"success": true}));
    cast.told("group.v2.leave", &second, |_| true).await;
    assert_eq!(cast.api.find("/count", "").await, json!({"count": 1}));
}

pub async fn named_and_described(cast: &Cast<'_>, group: &str) {
    let changed = async |field: &str, value: &Value| {
        let is = |event: &Value| event["id"] == *group && event[field] == *value;
        cast.peer.wait("group-update", PATIENCE, is).await;
    };
    assert_eq!(cast.api.put("/{id}/subject", group, json!({"subject": "a new name"})).await, true);
    changed("subject", &json!("a new name")).await;
    cast.told("group.v2.update", group, |payload| payload["group"]["subject"] == "a new name").await;
    // Of one that has none, of one that has one, and none again.
    for text in ["what it is about", "something else", ""] {
        assert_eq!(cast.api.put("/{id}/description", group, json!({"description": text})).await, true);
        cast.told("group.v2.update", group, |payload| payload["group"]["description"] == text).await;
        let seen = cast.peers("groupMetadata", json!([group])).await;
        assert_eq!(seen["desc"].as_str().unwrap_or_default(), text, "{seen}");
        assert_eq!(cast.api.get("/{id}", group).await["description"], text);
    }
    assert_eq!(cast.api.get("/{id}", group).await["subject"], "a new name");
}

pub async fn settings(cast: &Cast<'_>, group: &str) {
    // The setting, its field, what Baileys calls it, and the event's field with its value for `true`.
    let all: [(&str, &str, &str, (&str, bool)); 4] = [
        ("info-admin-only", "adminsOnly", "restrict", ("restrict", true)),
        ("messages-admin-only", "adminsOnly", "announce", ("membersCanSendMessages", false)),
        ("member-add-mode", "membersCanAddNewMember", "memberAddMode", ("membersCanAddNewMember", true)),
        (
            "membership-approval",
            "newMembersApprovalRequired",
            "joinApprovalMode",
            ("newMembersApprovalRequired", true),
        ),
    ];
    for (setting, field, theirs, (told, when_true)) in all {
        let path = format!("/{{id}}/settings/security/{setting}");
        let before = cast.api.get(&path, group).await[field].as_bool().expect("a switch");
        for wanted in [!before, before] {
            assert_eq!(cast.api.put(&path, group, json!({field: wanted})).await, true);
            assert_eq!(cast.api.get(&path, group).await, json!({field: wanted}));
            let seen = cast.peers("groupMetadata", json!([group])).await;
            assert_eq!(seen[theirs], wanted, "{setting}: {seen}");
            let event = json!(wanted == when_true);
            cast.told("group.v2.update", group, |payload| payload["group"][told] == event).await;
        }
    }
    let path = "/{id}/settings/security/member-share-history-mode";
    for wanted in [true, false] {
        assert_eq!(cast.api.put(path, group, json!({"membersCanShareHistory": wanted})).await, true);
        assert_eq!(cast.api.get(path, group).await, json!({"membersCanShareHistory": wanted}));
    }
}

/// Enough of a JPEG for whoever looks at the beginning.
fn jpeg(filling: u8) -> Vec<u8> {
    [&[0xff, 0xd8, 0xff, 0xe0], [filling; 5_000].as_slice(), &[0xff, 0xd9]].concat()
}

async fn fetched(url: &str) -> Vec<u8> {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    client.get(url).send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

pub async fn picture(cast: &Cast<'_>, group: &str) {
    assert_eq!(cast.api.get("/{id}/picture", group).await, json!({"url": null}));
    let file = |bytes: &[u8]| json!({"file": {"mimetype": "image/jpeg", "data": STANDARD.encode(bytes)}});
    assert_eq!(cast.api.put("/{id}/picture", group, file(&jpeg(1))).await, json!({"success": true}));
    cast.peer.wait("picture", PATIENCE, |event| event["id"] == *group && event["imgUrl"] == "changed").await;
    let url = cast.api.get("/{id}/picture", group).await["url"].as_str().expect("a picture").to_owned();
    assert_eq!(cast.peers("profilePictureUrl", json!([group, "image"])).await, *url);
    assert!(fetched(&url).await == jpeg(1), "another picture");

    let theirs = json!({"group": group, "data": STANDARD.encode(jpeg(2))});
    cast.peer.call("set-picture", theirs).await;
    let answer = cast.api.answer("GET", "/{id}/picture", group, "?refresh=true", None).await.body;
    assert!(fetched(answer["url"].as_str().unwrap()).await == jpeg(2), "another picture");

    assert_eq!(cast.api.delete("/{id}/picture", group).await, json!({"success": true}));
    cast.peer.wait("picture", PATIENCE, |event| event["id"] == *group && event["imgUrl"] == "removed").await;
    assert_eq!(cast.api.get("/{id}/picture", group).await, json!({"url": null}));
    let png = file(b"\x89PNG\r\n\x1a\n");
    cast.api.refused("PUT", "/{id}/picture", group, Some(png), 422, "not_converted").await;
}

/// The peer is an admin afterwards.
pub async fn members(cast: &Cast<'_>, group: &str) {
    let contact = cast.contact.address();
    let seen_by_peer = async |action: &str, person: &Address| {
        let is = |event: &Value| {
            let people = event["participants"].as_array().into_iter().flatten();
            event["id"] == *group
                && event["action"] == action
                && people.filter_map(Value::as_str).any(|id| person.is(id))
        };
        cast.peer.wait("group-participants", PATIENCE, is).await;
    };
    let told = async |kind: &str, role: &str, person: &Address| {
        let is = |payload: &Value| {
            payload["type"] == kind
                && of(&payload["participants"], person).is_some_and(|one| one["role"] == role)
        };
        cast.told("group.v2.participants", group, is).await;
    };
    for (path, action, kind, role) in [
        ("/{id}/participants/remove", "remove", "leave", "left"),
        ("/{id}/participants/add", "add", "join", "participant"),
        ("/{id}/admin/promote", "promote", "promote", "admin"),
        ("/{id}/admin/demote", "demote", "demote", "participant"),
    ] {
        let results = cast.api.post(path, group, Some(people(&[contact]))).await;
        assert_eq!(results, json!([{"jid": contact.chat_id(), "status": "200"}]), "{path}");
        seen_by_peer(action, contact).await;
        told(kind, role, contact).await;
    }
    // Under the other name, too; each has an answer of its own.
    let unknown = Address { number: "491709999999".to_owned(), lid: "1".to_owned() };
    let results = cast.api.post("/{id}/participants/add", group, Some(people(&[&unknown, contact]))).await;
    let wanted = json!([
        {"jid": unknown.chat_id(), "status": "404"},
        {"jid": contact.chat_id(), "status": "409"},
    ]);
    assert_eq!(results, wanted);
    let by_lid = json!({"participants": [{"id": cast.other.lid_jid()}]});
    let results = cast.api.post("/{id}/admin/promote", group, Some(by_lid)).await;
    assert_eq!(results[0]["status"], "200");
    assert_eq!(results[0]["jid"], cast.other.lid_jid());
    seen_by_peer("promote", cast.other).await;
    let members = cast.api.get("/{id}/participants/v2", group).await;
    assert_eq!(of(&members, cast.other).unwrap()["role"], "admin");
}

/// The peer, an admin, changes the group, which webhooks tell.
pub async fn by_the_other_side(cast: &Cast<'_>, group: &str) {
    let updated = async |field: &str, value: Value| {
        cast.told("group.v2.update", group, |payload| payload["group"][field] == value).await
    };
    cast.peers("groupUpdateSubject", json!([group, "named by Baileys"])).await;
    updated("subject", json!("named by Baileys")).await;
    cast.peers("groupUpdateDescription", json!([group, "said by Baileys"])).await;
    updated("description", json!("said by Baileys")).await;
    cast.peers("groupSettingUpdate", json!([group, "announcement"])).await;
    updated("announce", json!(true)).await;
    let only_admins = cast.api.get("/{id}/settings/security/messages-admin-only", group).await;
    assert_eq!(only_admins, json!({"adminsOnly": true}));
    cast.peers("groupSettingUpdate", json!([group, "not_announcement"])).await;
    cast.peers("groupToggleEphemeral", json!([group, 86_400])).await;
    updated("ephemeralDuration", json!(86_400)).await;
    let code = cast.peers("groupRevokeInvite", json!([group])).await;
    let code = code.as_str().expect("a code");
    updated("invite", json!(format!("https://chat.whatsapp.com/{code}"))).await;
    assert_eq!(cast.api.get("/{id}/invite-code", group).await, code);

    let contact = cast.contact.address();
    for (action, kind) in [("promote", "promote"), ("demote", "demote"), ("remove", "leave"), ("add", "join")]
    {
        let told = cast.webhooks.deliveries().read(<[_]>::len);
        cast.peers("groupParticipantsUpdate", json!([group, [contact.jid()], action])).await;
        let after = |all: &[wakeeper_e2e::webhook::Delivery]| {
            let of_kind = |delivery: &&wakeeper_e2e::webhook::Delivery| {
                delivery.event() == "group.v2.participants" && delivery.payload()["type"] == kind
            };
            all[told..].iter().find(of_kind).map(|delivery| delivery.payload().clone())
        };
        let payload = cast.webhooks.deliveries().wait(action, PATIENCE, after).await;
        assert!(of(&payload["participants"], contact).is_some(), "{payload}");
        assert!(payload["timestamp"].as_i64() > Some(1_700_000_000), "{payload}");
    }
}

/// The API ends the group: nobody is left in it.
pub async fn ended(cast: &Cast<'_>, group: &str) {
    assert_eq!(cast.api.delete("/{id}", group).await, json!({"success": true}));
    let gone =
        |payload: &Value| payload["type"] == "leave" && of(&payload["participants"], cast.other).is_some();
    cast.told("group.v2.participants", group, gone).await;
    cast.told("group.v2.leave", group, |_| true).await;
    eventually("the group to be gone for the peer", PATIENCE, async || {
        let all = cast.peers("groupFetchAllParticipating", json!([])).await;
        if all.get(group).is_none() { Ok(()) } else { Err(all.to_string()) }
    })
    .await;
    cast.api.refused("GET", "/{id}", group, None, 403, "group_forbidden").await;
}
