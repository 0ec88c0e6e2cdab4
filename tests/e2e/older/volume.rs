//! The whole file system is rolled back: nothing on it tells, and nothing outside of it is kept. What is left is WhatsApp's
//! server.

use std::path::Path;

use reqwest::Method;
use wakeeper_e2e::{Addressing, Gateway, Lab, Volume, Webhooks};

use super::{ANNA, BEN, Party, Scene};

/// A scene whose gateway keeps everything on a volume of its own.
async fn on_a_volume() -> (Scene, Volume) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let phone = lab.simulator().phone(ANNA, "anna").await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("anna", &webhooks);
    let volume = Volume::mount(gateway.folder());
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    let anna = Party::gateway("anna", phone, gateway, webhooks);
    let ben = lab.simulator().phone(BEN, "Ben").await;
    let group = lab.simulator().group(&ben, "the group", &[anna.address()]).await;
    (Scene { lab, anna, ben, group, sent: Vec::new() }, volume)
}

impl Scene {
    /// Sends to one chat only, so that its chain goes far.
    async fn send_to(&mut self, chat: &str, what: &str, count: usize) {
        for n in 0..count {
            let text = format!("{what} {n}");
            self.gateway().call(Method::POST, "/api/sendText", Some(Gateway::text(chat, &text))).await;
            self.sent.push(text);
        }
    }

    async fn restart(&mut self) {
        self.gateway().kill().await;
        self.gateway().start().await;
        self.gateway().wait_working().await;
    }

    async fn restart_from(&mut self, volume: &Volume, snapshot: &Path) {
        self.gateway().kill().await;
        volume.roll_back(snapshot);
        self.gateway().start().await;
        self.gateway().wait_working().await;
    }
}

/// A snapshot of a running session, and fewer sends since than go out between two uploads: the server has nothing to tell,
/// and the chains move on by more than that.
#[tokio::test]
async fn sends_that_the_server_does_not_tell_of_are_passed_over() {
    let (mut scene, volume) = on_a_volume().await;
    let chats = [scene.ben.address.chat_id(), scene.group.clone()];
    // A run uploads before its first send, and with every 25th from then on. So many make the 80th the last before a snapshot.
    scene.send_to(&chats[1], "first", 18).await;
    for (n, chat) in chats.iter().enumerate() {
        // The client leases 64 counters of a chain in advance and begins behind them when it starts. Two are left at the
        // snapshot; the last upload was five sends ago, and the next is 20 away.
        scene.send_to(chat, &format!("before {n}"), 62).await;
        let snapshot = volume.snapshot(&format!("snapshot-{n}"));
        scene.send_to(chat, &format!("since the snapshot {n}"), 17).await;
        scene.restart_from(&volume, &snapshot).await;
        assert_eq!(scene.renewals().await, 0, "nothing tells");
        // With the 62 of the next round 180: five after an upload again.
        scene.send_to(chat, &format!("after {n}"), 118).await;
    }
    scene.judge().await;
}

/// A snapshot of a running session, and more sends since: the server has a pre-key that the copy never made.
#[tokio::test]
async fn the_server_tells_of_many_sends() {
    let (mut scene, volume) = on_a_volume().await;
    let chats = [scene.ben.address.chat_id(), scene.group.clone()];
    scene.send("before", 3).await;
    let snapshot = volume.snapshot("snapshot");
    for chat in &chats {
        scene.send_to(chat, &format!("since to {chat}"), 110).await;
    }
    scene.restart_from(&volume, &snapshot).await;
    scene.gateway().wait_line("sending chains are negotiated anew").await;
    assert_eq!(scene.renewals().await, 1);
    scene.send("after", 30).await;
    scene.judge().await;
    // It was told once and is over.
    scene.restart().await;
    assert_eq!(scene.renewals().await, 0);
}

/// A snapshot of a stopped session: one send of the next run is enough.
#[tokio::test]
async fn the_server_tells_of_one_send_of_a_later_run() {
    let (mut scene, volume) = on_a_volume().await;
    scene.send("before", 3).await;
    assert!(scene.gateway().terminate().await.success());
    let snapshot = volume.snapshot("snapshot");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.send("since the snapshot", 1).await;
    scene.restart_from(&volume, &snapshot).await;
    assert_eq!(scene.renewals().await, 1);
    scene.send("after", 70).await;
    scene.judge().await;
}

/// Restarts without a send between them upload nothing.
#[tokio::test]
async fn restarts_without_sends_cost_nothing() {
    let (mut scene, _volume) = on_a_volume().await;
    scene.send("before", 2).await;
    let uploaded =
        async |scene: &Scene| scene.lab.simulator().state().await["counters"]["prekeys_uploaded"].clone();
    let before = uploaded(&scene).await;
    for _ in 0..3 {
        assert!(scene.gateway().terminate().await.success());
        scene.gateway().start().await;
        scene.gateway().wait_working().await;
    }
    assert_eq!(uploaded(&scene).await, before);
    scene.send("after", 2).await;
    assert_ne!(uploaded(&scene).await, before, "the first send of a run is told the server");
    scene.judge().await;
}
