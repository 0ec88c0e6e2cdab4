//! Groups.

use super::*;

pub(super) const GROUPS: &str = "@g.us";

/// Live companions of Alice, Bob and Carol and a group of the three.
pub(super) struct Team {
    pub sim: Sim,
    pub alice: Client,
    pub bob: Client,
    pub carol: Client,
    pub group: String,
}

pub(super) fn team(change: impl FnOnce(&mut ServerConfig)) -> Team {
    let sim = Sim::with(change);
    for number in [ALICE, BOB, CAROL] {
        sim.account(number);
    }
    let mut alice = sim.companion(ALICE, 1);
    let bob = sim.companion(BOB, 2);
    let carol = sim.companion(CAROL, 3);
    let create = Node::new("create").attr("subject", "Team").children(participants(&[BOB, CAROL, "62899"]));
    let answer = alice.ask("set", "w:g2", GROUPS, vec![create]);
    let group = format!("{}@g.us", answer.find("group").unwrap().get("id").unwrap());
    Team { sim, alice, bob, carol, group }
}

fn participants(numbers: &[&str]) -> Vec<Node> {
    numbers.iter().map(|number| Node::new("participant").attr("jid", pn(number))).collect()
}

pub(super) fn change(client: &mut Client, group: &str, request: Node) -> Node {
    client.ask("set", "w:g2", group, vec![request])
}

pub(super) fn error(answer: &Node) -> Option<&str> {
    answer.find("error")?.get("code")
}

#[test]
fn a_new_group_is_answered_and_announced() {
    let mut team = team(|_| {});
    let query = Node::new("query").attr("request", "interactive");
    let answer = team.bob.ask("get", "w:g2", &team.group, vec![query]);
    assert_eq!(answer.get("from"), Some(&*team.group));
    let group = answer.find("group").unwrap();
    assert_eq!((group.get("subject"), group.get("addressing_mode")), (Some("Team"), Some("pn")));
    assert_eq!(group.get("creator"), Some(&*pn(ALICE)));
    let members: Vec<_> = group.find_all("participant").collect();
    assert_eq!(members.len(), 3, "unknown numbers are left out");
    assert_eq!(members[0].get("type"), Some("superadmin"));
    assert!(members[1].get("lid").is_some());
    let told = team.carol.take_only("notification").remove(0);
    assert_eq!((told.get("type"), told.get("from")), (Some("w:gp2"), Some(&*team.group)));
    assert!(told.find("create").unwrap().find("group").is_some());
}

#[test]
fn lid_groups_name_members_by_lid() {
    let mut team = team(|config| config.addressing = Addressing::Lid);
    let group = team.alice.ask("get", "w:g2", &team.group, vec![Node::new("query")]);
    let group = group.find("group").unwrap();
    assert_eq!(group.get("addressing_mode"), Some("lid"));
    let member = group.find("participant").unwrap();
    assert!(member.get("jid").unwrap().ends_with("@lid"));
    assert_eq!(member.get("phone_number"), Some(&*pn(ALICE)));
    team.alice
        .send(Node::new("message").attr("id", "G").attr("to", team.group.clone()).child(enc("skmsg", "x")));
    let message = team.bob.take_only("message").remove(0);
    assert!(message.get("participant").unwrap().ends_with(":1@lid"));
    assert_eq!(message.get("participant_pn"), Some(&*pn(ALICE)));
}

#[test]
fn sender_key_distribution_comes_first_and_only_to_its_device() {
    let mut team = team(|_| {});
    let skdm = Node::new("to").attr("jid", format!("{BOB}:1@s.whatsapp.net")).child(enc("pkmsg", "skdm"));
    let message = Node::new("message").attr("id", "G").attr("to", team.group.clone()).children([
        Node::new("participants").child(skdm),
        enc("skmsg", "text"),
        Node::new("device-identity").bytes([1]),
    ]);
    team.bob.take();
    team.carol.take();
    team.alice.send(message);
    let to_bob = team.bob.take().remove(0);
    let kinds: Vec<_> = to_bob.find_all("enc").map(|enc| enc.get("type").unwrap()).collect();
    assert_eq!(kinds, vec!["pkmsg", "skmsg"]);
    assert_eq!(to_bob.get("from"), Some(&*team.group));
    assert_eq!(to_bob.get("participant"), Some(&*format!("{ALICE}:1@s.whatsapp.net")));
    assert!(to_bob.find("device-identity").is_some());
    let to_carol = team.carol.take().remove(0);
    assert_eq!(to_carol.find_all("enc").count(), 1);
    assert!(to_carol.find("device-identity").is_none());
}

#[test]
fn a_resend_in_a_group_reaches_one_device() {
    let mut team = team(|_| {});
    team.bob.take();
    team.carol.take();
    let resend = Node::new("message")
        .attr("id", "G")
        .attr("to", team.group.clone())
        .attr("participant", format!("{BOB}:1@s.whatsapp.net"));
    team.alice.send(resend.child(enc("pkmsg", "again")));
    assert_eq!(team.bob.take_only("message").len(), 1);
    assert!(team.carol.take_only("message").is_empty());
}

#[test]
fn receipts_in_a_group_reach_the_author() {
    let mut team = team(|_| {});
    let author = format!("{ALICE}:1@s.whatsapp.net");
    let receipt =
        Node::new("receipt").attr("id", "G").attr("to", team.group.clone()).attr("participant", &*author);
    team.alice.take();
    team.bob.send(receipt.clone());
    team.bob.send(receipt.attr("type", "retry"));
    let seen = team.alice.take_only("receipt");
    assert_eq!(seen.len(), 2);
    for receipt in &seen {
        assert_eq!(receipt.get("from"), Some(&*team.group));
        assert_eq!(receipt.get("participant"), Some(&*format!("{BOB}:1@s.whatsapp.net")));
    }
    assert!(team.carol.take_only("receipt").is_empty());
}

#[test]
fn only_admins_change_members() {
    let mut team = team(|_| {});
    let group = team.group.clone();
    let remove = |number| Node::new("remove").children(participants(&[number]));
    assert_eq!(error(&change(&mut team.bob, &group, remove(CAROL))), Some("403"));
    let promote = Node::new("promote").children(participants(&[BOB]));
    change(&mut team.alice, &group, promote);
    let answer = change(&mut team.bob, &group, remove(CAROL));
    assert_eq!(answer.find("remove").unwrap().find("participant").unwrap().get("error"), None);
    let told = team.carol.take_only("notification");
    assert!(told.last().unwrap().find("remove").is_some(), "the removed one hears of it");
    let answer = team.carol.ask("get", "w:g2", &group, vec![Node::new("query")]);
    assert_eq!(error(&answer), Some("403"));
    team.carol.message("G", &group, &[]);
    assert_eq!(team.carol.take_only("ack")[0].get("error"), Some("403"));
    // The creator cannot be removed, a stranger not added twice, an unknown one not at all.
    let answer = change(&mut team.bob, &group, remove(ALICE));
    assert_eq!(answer.find("remove").unwrap().find("participant").unwrap().get("error"), Some("406"));
    let add = Node::new("add").children(participants(&[CAROL, BOB, "62899"]));
    let answer = change(&mut team.bob, &group, add);
    let errors: Vec<_> = answer.find("add").unwrap().nodes().iter().map(|node| node.get("error")).collect();
    assert_eq!(errors, vec![None, Some("409"), Some("404")]);
}

#[test]
fn subject_description_and_settings_change_and_are_announced() {
    let mut team = team(|_| {});
    let group = team.group.clone();
    team.bob.take();
    change(&mut team.alice, &group, Node::new("subject").bytes(*b"New"));
    let told = team.bob.take_only("notification").remove(0);
    assert_eq!(told.find("subject").unwrap().get("subject"), Some("New"));
    let description = |id: &str, prev: Option<&str>| {
        let body = Node::new("body").bytes(*b"About");
        Node::new("description").attr("id", id).attr_opt("prev", prev).child(body)
    };
    change(&mut team.alice, &group, description("D1", None));
    assert_eq!(error(&change(&mut team.alice, &group, description("D2", None))), Some("409"));
    change(&mut team.alice, &group, description("D2", Some("D1")));
    change(&mut team.alice, &group, Node::new("announcement"));
    let answer = team.bob.ask("get", "w:g2", &group, vec![Node::new("query")]);
    let node = answer.find("group").unwrap();
    assert_eq!(node.get("subject"), Some("New"));
    assert_eq!(node.find("description").unwrap().get("id"), Some("D2"));
    assert!(node.find("announcement").is_some());
    team.bob.message("G", &group, &[]);
    assert_eq!(team.bob.take_only("ack")[0].get("error"), Some("403"), "only admins write now");
}

#[test]
fn leaving_and_joining_by_invite() {
    let mut team = team(|_| {});
    let id = team.group.clone();
    let leave = Node::new("leave").child(Node::new("group").attr("id", &*id));
    team.alice.ask("set", "w:g2", GROUPS, vec![leave]);
    let answer = team.bob.ask("get", "w:g2", &id, vec![Node::new("query")]);
    let members: Vec<_> =
        answer.find("group").unwrap().find_all("participant").map(|node| node.get("type")).collect();
    assert_eq!(members, vec![Some("admin"), None], "someone has to be admin");
    let answer = team.bob.ask("get", "w:g2", &id, vec![Node::new("invite")]);
    let code = answer.find("invite").unwrap().get("code").unwrap().to_owned();
    let invite = |code: &str| vec![Node::new("invite").attr("code", code)];
    assert_eq!(error(&team.alice.ask("set", "w:g2", GROUPS, invite("wrong"))), Some("404"));
    let info = team.alice.ask("get", "w:g2", GROUPS, invite(&code));
    assert_eq!(info.find("group").unwrap().get("subject"), Some("Team"));
    let joined = team.alice.ask("set", "w:g2", GROUPS, invite(&code));
    assert_eq!(joined.find("group").unwrap().get("jid"), Some(&*id));
    let mine = team.alice.ask("get", "w:g2", GROUPS, vec![Node::new("participating")]);
    assert_eq!(mine.find("groups").unwrap().nodes().len(), 1);
    let none = Node::new("leave").child(Node::new("group").attr("id", "12"));
    let answer = team.alice.ask("set", "w:g2", GROUPS, vec![none]);
    assert_eq!(answer.find("leave").unwrap().find("group").unwrap().get("error"), Some("404"));
    assert_eq!(team.sim.counter("groups_created"), 1);
}
