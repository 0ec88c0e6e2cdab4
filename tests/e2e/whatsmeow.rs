//! A session moves out of a store of whatsmeow: no QR code, no message lost, no ratchet key used twice. The store is an empty
//! genuine one, filled in with what a linked session holds; whatsmeow itself takes no part.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_doctor::examine::Options;
use wakeeper_e2e::party::Chat;
use wakeeper_e2e::{Addressing, Baileys, Lab, Party, Webhooks, told, whatsmeow_store};

use crate::transfer::{Friends, folder_of, json_of, no_retries, send_all};

const ANNA: &str = "6281200000021";

/// The device of a gateway's session.
async fn device_of(anna: &mut Party) -> String {
    let session = anna.as_gateway().0.call(Method::GET, "/api/sessions/default", None).await;
    let jid = session["me"]["jid"].as_str().expect("a JID").to_owned();
    jid.split([':', '@']).nth(1).expect("a device number").to_owned()
}

/// A message that does not reach Anna before the next one does, so that its key stays behind in her ratchet.
async fn lose_one(lab: &Lab, anna: &mut Party, friend: &Party) -> String {
    let device = device_of(anna).await;
    let target = format!("{}:{device}", anna.address().number);
    lab.simulator().fault(json!({"kind": "lost", "target": target})).await;
    let lost = format!("{}: a message that gets lost", friend.name);
    send_all(friend, &anna.chat(), std::slice::from_ref(&lost)).await;
    let next = vec![format!("{}: the next one", friend.name)];
    send_all(friend, &anna.chat(), &next).await;
    anna.wait_texts(friend.address(), &next).await;
    lost
}

/// What can be known of the store before it moves, by commands that change nothing in it.
async fn looked_at(lab: &Lab, store: &Path) {
    let folder = folder_of(store.parent().expect("a folder"));
    let before = std::fs::read(store).expect("the store");
    for path in [folder_of(store), folder] {
        let report = json_of(lab, &["examine", path, "--json"]).await;
        assert_eq!(report["format"], "whatsmeow", "{report}");
        assert_eq!((&report["healthy"], &report["credentials"]), (&json!(true), &json!("sound")), "{report}");
        assert!(report["session"].as_str().is_some_and(|jid| jid.starts_with(ANNA)), "{report}");
    }
    let shelf = lab.folder().join("shelf");
    let places = ["--auth-info-dir", folder, "--backup-dir", folder_of(&shelf), "--json"];
    let with = |words: &[&'static str]| [words, &places].concat();
    let health = json_of(lab, &with(&["health"])).await;
    assert_eq!((&health["format"], &health["backups"]), (&json!("whatsmeow"), &json!(0)), "{health}");
    let made = json_of(lab, &with(&["backup", "create"])).await;
    assert_eq!(made["manifest"]["format"], "whatsmeow", "{made}");
    let again = json_of(lab, &with(&["backup", "create"])).await;
    assert_eq!(again["unchanged"], true, "{again}");
    let list = json_of(lab, &with(&["backup", "list"])).await;
    assert_eq!(
        (list.as_array().map(Vec::len), &list[0]["credentials"]),
        (Some(1), &json!("sound")),
        "{list}"
    );
    let verified = json_of(lab, &with(&["backup", "verify", "--all"])).await;
    assert_eq!(verified[0]["report"]["healthy"], true, "{verified}");
    let (code, _, errors) = lab.run(&["clean", "--auth-info-dir", folder, "--yes"]).await;
    assert!(code == Some(1) && errors.contains("whatsmeow store"), "{errors}");
    assert!(std::fs::read(store).expect("the store") == before, "the store was written to");
}

/// Anna's session in a store of whatsmeow, out of a gateway that has given it up.
async fn store_of(lab: &Lab, data: &Path) -> std::path::PathBuf {
    let exported = lab.folder().join("exported");
    let format = ["--format", "baileys", "--baileys", Baileys::Seven.name(), "--json"];
    let arguments = ["export", folder_of(&exported), "--data-dir", folder_of(data)];
    json_of(lab, &[&arguments[..], &format[..]].concat()).await;
    let reading = wakeeper_doctor::transfer::read(&exported, &Options::at(0)).expect("the session");
    let storages = lab.folder().join("gowa/storages");
    std::fs::create_dir_all(&storages).expect("a folder");
    whatsmeow_store::store_of(&storages, &reading.session)
}

async fn moves_in(addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut anna = lab.linked_gateway("anna", ANNA).await;
        lab.tend(ANNA);
        let friends = Friends {
            carl: lab.linked_peer("carl", Baileys::Seven, "6281200000022").await,
            dora: lab.contact("dora", "6281200000023").await,
        };
        let members = [anna.address().jid(), friends.dora.address().jid()];
        let new = json!({"subject": "moving", "participants": members});
        let made: Value = friends.carl.as_peer().call("create-group", new).await;
        let group = Chat::Group(made["id"].as_str().expect("a group has an id").to_owned());
        friends.talk_with(&anna, &group, "before").await;
        let mut lost = Vec::new();
        for friend in friends.each() {
            lost.push(lose_one(lab, &mut anna, friend).await);
        }
        let data = anna.as_gateway().0.folder().to_owned();
        anna.go_offline().await;
        let store = store_of(lab, &data).await;
        looked_at(lab, &store).await;

        let away = Party::phone("anna", anna.phone.clone());
        let mut waiting = friends.write_to(&away, &group, "on the way").await;
        let webhooks = Webhooks::start().await;
        let mut gateway = lab.gateway("anna-new", &webhooks);
        let data = gateway.folder().to_owned();
        let import = ["import", folder_of(&store), "--data-dir", folder_of(&data), "--json"];

        // Somebody has it open.
        let opened = std::fs::File::open(&store).expect("the store");
        let mut reader = std::process::Command::new("sleep").arg("600").stdin(opened).spawn().expect("sleep");
        let (code, _, errors) = lab.run(&import).await;
        assert!(code == Some(1) && errors.contains("(sleep)"), "{errors}");
        reader.kill().and_then(|()| reader.wait()).expect("its end");

        let imported = json_of(lab, &import).await;
        assert_eq!((&imported["format"], &imported["needs_qr"]), (&json!("whatsmeow"), &json!(false)));
        assert_eq!(imported["left_out"], json!([]), "{imported}");
        assert!(imported["moved"]["skipped_message_keys"].as_u64() >= Some(2), "{imported}");
        assert!(imported["backup"].is_string(), "{imported}");

        gateway.start().await;
        gateway.wait_working().await;
        let mut anna = Party::gateway("anna-new", away.phone.clone(), gateway, webhooks);
        for (waiting, lost) in waiting.iter_mut().zip(lost) {
            waiting.private.insert(0, lost);
            waiting.arrives_at(&anna).await;
        }
        no_retries(&anna.as_gateway().0.health().await);
        friends.talk_with(&anna, &group, "after").await;
        no_retries(&anna.as_gateway().0.health().await);

        // The old gateway has no login to start with, and the session does not move twice.
        let report = json_of(lab, &["examine", folder_of(&store), "--json"]).await;
        assert_eq!(
            (&report["credentials"], &report["findings"][0]["code"]),
            (&json!("missing"), &json!("session_moved"))
        );
        let second = lab.folder().join("second");
        std::fs::create_dir(&second).expect("a folder");
        let (code, _, errors) =
            lab.run(&["import", folder_of(&store), "--data-dir", folder_of(&second)]).await;
        assert!(code == Some(1) && errors.contains("was moved to"), "{errors}");
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}

#[tokio::test]
async fn a_whatsmeow_session_moves_in() {
    moves_in(Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn a_whatsmeow_session_moves_in_where_chats_are_addressed_by_lid() {
    moves_in(Addressing::Lid).await;
}
