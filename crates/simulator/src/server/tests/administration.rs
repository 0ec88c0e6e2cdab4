//! Groups beyond who is in them: settings, requests to join, pictures.

use super::teams::{GROUPS, Team, change, error, team};
use super::*;

const APPROVAL: &str = "membership_approval_mode";

fn approval(state: &str) -> Node {
    Node::new(APPROVAL).child(Node::new("group_join").attr("state", state))
}

fn group_of(client: &mut Client, group: &str) -> Node {
    client.ask("get", "w:g2", group, vec![Node::new("query")]).find("group").unwrap().clone()
}

fn participants(numbers: &[&str]) -> Vec<Node> {
    numbers.iter().map(|number| Node::new("participant").attr("jid", pn(number))).collect()
}

/// Carol, who is in the team no more, asks to come back by its invite code.
fn asking() -> (Team, Node) {
    let mut team = team(|_| {});
    let group = team.group.clone();
    change(&mut team.alice, &group, Node::new("remove").children(participants(&[CAROL])));
    change(&mut team.alice, &group, approval("on"));
    let code = team.alice.ask("get", "w:g2", &group, vec![Node::new("invite")]);
    let code = code.find("invite").unwrap().get("code").unwrap().to_owned();
    team.alice.take();
    team.bob.take();
    let answer = team.carol.ask("set", "w:g2", GROUPS, vec![Node::new("invite").attr("code", code)]);
    (team, answer)
}

fn waiting(team: &mut Team) -> usize {
    let request = Node::new("membership_approval_requests");
    let answer = team.alice.ask("get", "w:g2", &team.group, vec![request]);
    answer.find("membership_approval_requests").unwrap().nodes().len()
}

fn answered(team: &mut Team, action: &str) -> Node {
    let action = Node::new(action).children(participants(&[CAROL, "62899"]));
    let group = team.group.clone();
    change(&mut team.alice, &group, Node::new("membership_requests_action").child(action))
}

#[test]
fn a_new_group_has_the_settings_that_its_maker_wrote() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    let create = Node::new("create").attr("subject", "A").children([
        Node::new("member_add_mode").bytes(*b"admin_add"),
        Node::new("ephemeral").attr("expiration", "86400"),
        approval("on"),
    ]);
    let answer = alice.ask("set", "w:g2", GROUPS, vec![create]);
    let group = answer.find("group").unwrap();
    assert_eq!(group.child_data("member_add_mode"), Some(&b"admin_add"[..]));
    assert_eq!(group.find("ephemeral").unwrap().get("expiration"), Some("86400"));
    assert_eq!(group.find(APPROVAL).unwrap().find("group_join").unwrap().get("state"), Some("on"));
}

#[test]
fn members_add_others_while_they_may_and_only_admins_change_settings() {
    let mut team = team(|_| {});
    let group = team.group.clone();
    team.sim.account("62811100004");
    let add = |number: &str| Node::new("add").children(participants(&[number]));
    assert_eq!(error(&change(&mut team.bob, &group, add("62811100004"))), None);
    for setting in [
        Node::new("announcement"),
        Node::new("locked"),
        Node::new("member_add_mode").bytes(*b"admin_add"),
        approval("on"),
        Node::new("ephemeral").attr("expiration", "1"),
    ] {
        assert_eq!(error(&change(&mut team.bob, &group, setting.clone())), Some("403"), "{}", setting.tag);
        assert_eq!(error(&change(&mut team.alice, &group, setting)), None);
    }
    team.sim.account("62811100005");
    assert_eq!(error(&change(&mut team.bob, &group, add("62811100005"))), Some("403"));
    // Names are for admins where the group is locked.
    assert_eq!(error(&change(&mut team.bob, &group, Node::new("subject").bytes(*b"B"))), Some("403"));
    change(&mut team.alice, &group, Node::new("unlocked"));
    assert_eq!(error(&change(&mut team.bob, &group, Node::new("subject").bytes(*b"B"))), None);
    change(&mut team.alice, &group, approval("off"));
    assert!(group_of(&mut team.alice, &group).find(APPROVAL).is_none());
}

#[test]
fn whoever_is_let_in_hears_of_the_group_and_the_others_of_them() {
    let (mut team, answer) = asking();
    let request = answer.find("membership_approval_request").unwrap();
    assert_eq!(request.get("jid"), Some(&*team.group));
    let told = team.alice.take_only("notification").remove(0);
    let created = told.find("created_membership_requests").unwrap();
    assert_eq!(created.get("request_method"), Some("invite_link"));
    assert_eq!(created.find("requested_user").unwrap().get("jid"), Some(&*pn(CAROL)));
    assert!(team.bob.take_only("notification").is_empty(), "it is for admins");
    assert_eq!(waiting(&mut team), 1);

    let answer = answered(&mut team, "approve");
    let results = answer.find("membership_requests_action").unwrap().find("approve").unwrap();
    let errors: Vec<_> = results.nodes().iter().map(|node| node.get("error")).collect();
    assert_eq!(errors, [None, Some("404")]);
    assert_eq!(waiting(&mut team), 0);
    let told = team.carol.take_only("notification");
    assert!(told.last().unwrap().find("create").unwrap().find("group").is_some());
    assert!(team.bob.take_only("notification").remove(0).find("add").is_some());
}

#[test]
fn a_request_ends_by_an_admin_or_by_who_made_it() {
    let (mut team, _) = asking();
    let group = team.group.clone();
    change(&mut team.alice, &group, Node::new("promote").children(participants(&[BOB])));
    team.bob.take();
    answered(&mut team, "reject");
    let told = team.bob.take_only("notification").remove(0);
    assert!(told.find("revoked_membership_requests").is_some());
    assert_eq!(told.get("participant"), Some(&*pn(ALICE)));
    assert_eq!(error(&team.carol.ask("get", "w:g2", &group, vec![Node::new("query")])), Some("403"));

    let (mut team, _) = asking();
    team.alice.take();
    let group = team.group.clone();
    let cancel = || Node::new("cancel_membership_requests").children(participants(&[CAROL]));
    assert_eq!(error(&change(&mut team.carol, &group, cancel())), None);
    assert_eq!(team.alice.take_only("notification")[0].get("participant"), Some(&*pn(CAROL)));
    assert_eq!(waiting(&mut team), 0);
    assert_eq!(error(&change(&mut team.carol, &group, cancel())), Some("404"));
}

#[test]
fn requests_and_invite_codes_are_for_admins() {
    let (mut team, _) = asking();
    let group = team.group.clone();
    for request in [Node::new("membership_approval_requests"), Node::new("invite")] {
        assert_eq!(error(&team.bob.ask("get", "w:g2", &group, vec![request])), Some("403"));
    }
}

#[test]
fn a_groups_picture_is_kept_shown_and_taken_away() {
    let mut team = team(|_| {});
    let group = team.group.clone();
    let ask = |client: &mut Client, kind: &str, children: Vec<Node>| {
        let iq = Node::new("iq").attr("id", "p").attr("type", kind).attr("xmlns", "w:profile:picture");
        client.send(iq.attr("to", "s.whatsapp.net").attr("target", &*group).children(children));
        client.take().into_iter().find(|node| node.get("id") == Some("p")).unwrap()
    };
    let query = || vec![Node::new("picture").attr("type", "image").attr("query", "url")];
    assert_eq!(error(&ask(&mut team.bob, "get", query())), Some("404"));
    let picture = |bytes: &[u8]| vec![Node::new("picture").attr("type", "image").bytes(bytes)];
    assert_eq!(error(&ask(&mut team.bob, "set", picture(b"no picture"))), Some("406"));
    team.carol.take();
    let set = ask(&mut team.bob, "set", picture(b"\xff\xd8\xff jpeg"));
    let id = set.find("picture").unwrap().get("id").unwrap().to_owned();
    let told = team.carol.take_only("notification").remove(0);
    assert_eq!((told.get("type"), told.find("set").unwrap().get("id")), (Some("picture"), Some(&*id)));
    let shown = ask(&mut team.carol, "get", query());
    let url = shown.find("picture").unwrap().get("url").unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.1:1/media/picture/"), "{url}");
    ask(&mut team.carol, "set", Vec::new());
    assert!(team.bob.take_only("notification").last().unwrap().find("delete").is_some());
    assert_eq!(error(&ask(&mut team.bob, "get", query())), Some("404"));
    change(&mut team.alice, &group, Node::new("locked"));
    assert_eq!(error(&ask(&mut team.bob, "set", picture(b"\xff\xd8\xff"))), Some("403"));
}

#[test]
fn who_shares_earlier_messages_is_set_by_graphql() {
    let mut team = team(|_| {});
    let group = team.group.clone();
    let ask = |client: &mut Client, group: &str| -> serde_json::Value {
        let variables = serde_json::json!({"variables": {"group_id": group, "update": {
            "member_share_group_history_mode": "ALL_MEMBER_SHARE"}}});
        let query = Node::new("query").attr("query_id", "9418211574894172");
        let query = query.bytes(variables.to_string().into_bytes());
        let answer = client.ask("get", "w:mex", "s.whatsapp.net", vec![query]);
        serde_json::from_slice(answer.child_data("result").unwrap()).unwrap()
    };
    assert_eq!(ask(&mut team.bob, &group)["errors"][0]["extensions"]["error_code"], 403);
    assert_eq!(ask(&mut team.alice, "1@g.us")["errors"][0]["extensions"]["error_code"], 404);
    assert_eq!(ask(&mut team.alice, &group)["data"]["xwa2_group_update_property"]["state"], "ACTIVE");
    let node = group_of(&mut team.bob, &group);
    assert_eq!(node.child_data("member_share_group_history_mode"), Some(&b"all_member_share"[..]));
}
