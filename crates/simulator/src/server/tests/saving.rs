use super::*;

#[test]
fn a_restarted_server_knows_its_devices_queues_and_groups() {
    let folder = std::env::temp_dir().join(format!("wakeeper-sim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("state.json");
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let mut alice = sim.companion(ALICE, 1);
    let device = sim.link(BOB, 2);
    alice.upload(3);
    let bob = format!("{BOB}:1@s.whatsapp.net");
    alice.message("M", &pn(BOB), &[&bob]);
    let create = Node::new("create").attr("subject", "Team");
    alice.ask("set", "w:g2", "@g.us", vec![create.child(Node::new("participant").attr("jid", pn(BOB)))]);
    let before = sim.server.state();
    sim.server.save(&path).unwrap();

    let config = ServerConfig { clock: sim.clock.clone(), ..ServerConfig::new(7, "127.0.0.1:1") };
    assert!(matches!(Server::load(config.clone(), &path, |_| None), Err(ServerError::MissingKeys)));
    let server = Server::load(config, &path, |number| Some(keys_of(number))).unwrap();
    let sim = Sim { server, clock: sim.clock };
    assert_eq!(sim.server.state()["groups"], before["groups"]);
    assert_eq!(sim.server.account(ALICE).unwrap().lid, before["accounts"][0]["lid"].as_str().unwrap());
    assert_eq!(sim.try_login(ALICE, 1, 9).take()[0].get("reason"), Some("401"), "keys are still checked");
    let mut alice = sim.login(ALICE, 1, 1);
    alice.take();
    let count = alice.ask("get", "encrypt", "@s.whatsapp.net", vec![Node::new("count")]);
    assert_eq!(count.find("count").unwrap().get("value"), Some("3"));
    let mine = alice.ask("get", "w:g2", "@g.us", vec![Node::new("participating")]);
    assert_eq!(mine.find("groups").unwrap().nodes().len(), 1);
    let mut bob_client = sim.login(BOB, device, 2);
    bob_client.send(Node::new("ib").child(Node::new("offline_batch").attr("count", "100")));
    assert_eq!(bob_client.take_only("message")[0].get("id"), Some("M"));
    // A repeat of a message from before the restart is still recognised.
    alice.message("M", &pn(BOB), &[&bob]);
    assert!(bob_client.take_only("message").is_empty());
    // The new server goes on counting devices and key indexes where the old one was.
    assert_eq!(sim.link(ALICE, 5), 2);
    assert_eq!(sim.server.reserve_key_index(ALICE).unwrap().key_index, 3);
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn the_state_file_is_private_and_damage_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("wakeeper-sim-private-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("state.json");
    let sim = Sim::new();
    sim.server.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, b"{\"sequence\":").unwrap();
    let damaged = Server::load(ServerConfig::new(1, "x"), &path, |_| None);
    assert!(matches!(damaged, Err(ServerError::StateFile("read", SnapshotError::Json(_)))));
    assert!(matches!(
        Server::load(ServerConfig::new(1, "x"), &folder.join("none"), |_| None),
        Err(ServerError::StateFile("read", SnapshotError::Io(_)))
    ));
    std::fs::remove_dir_all(folder).unwrap();
}
