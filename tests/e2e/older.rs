//! An older copy of the data folder, or of one of its databases, is started: no key is used twice, and what was answered
//! 201 arrives.

mod volume;
mod within;

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Party, Phone};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";
/// More sends than the client leases counters for in advance (64), so that an older copy knows nothing of some.
const SINCE: usize = 80;

/// What is put back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Back {
    Folder,
    Engine,
    Rows,
}

/// How the files of the copy get their old place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// As new files, as `cp` and restored snapshots of files do.
    NewFiles,
    /// Into the files that are there, as `rsync --inplace` does.
    InPlace,
}

struct Scene {
    lab: Lab,
    anna: Party,
    ben: Phone,
    group: String,
    sent: Vec<String>,
}

impl Scene {
    async fn new() -> Self {
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let anna = lab.linked_gateway("anna", ANNA).await;
        let ben = lab.simulator().phone(BEN, "Ben").await;
        let group = lab.simulator().group(&ben, "the group", &[anna.address()]).await;
        Self { lab, anna, ben, group, sent: Vec::new() }
    }

    fn gateway(&mut self) -> &mut Gateway {
        self.anna.as_gateway().0
    }

    fn auth_info(&mut self) -> PathBuf {
        self.gateway().folder().join("auth_info")
    }

    /// Sends that the caller hears 201 of, in turns to the contact and to the group.
    async fn send(&mut self, what: &str, count: usize) {
        let chats = [self.ben.address.chat_id(), self.group.clone()];
        for n in 0..count {
            for chat in &chats {
                let text = format!("{what} {n} to {chat}");
                let body = Gateway::text(chat, &text);
                self.gateway().call(Method::POST, "/api/sendText", Some(body)).await;
                self.sent.push(text);
            }
        }
    }

    /// A copy of the data folder as it is now.
    fn copy(&mut self, name: &str) -> PathBuf {
        let to = self.lab.folder().join(name);
        copy_tree(&self.auth_info(), &to);
        to
    }

    fn put_back(&mut self, copy: &Path, what: Back, how: How) {
        let auth_info = self.auth_info();
        match what {
            Back::Folder if how == How::NewFiles => {
                std::fs::remove_dir_all(&auth_info).expect("remove the folder");
                copy_tree(copy, &auth_info);
            }
            Back::Folder => {
                forget_side_files(&auth_info);
                forget_side_files(&auth_info.join("sessions/default"));
                copy_tree(copy, &auth_info);
            }
            Back::Engine => put_file(copy, &auth_info, "sessions/default/engine.db", how),
            Back::Rows => put_file(copy, &auth_info, "wakeeper.db", how),
        }
    }

    async fn renewals(&mut self) -> u64 {
        renewals(&self.gateway().health().await)
    }

    /// Everything arrives, and no key was used twice.
    async fn judge(&self) {
        eventually("everything that was answered 201", PATIENCE, async || {
            let inbox = self.ben.inbox().await;
            let arrived = |text: &String| inbox.iter().any(|message| message["text"] == **text);
            let lost: Vec<_> = self.sent.iter().filter(|text| !arrived(text)).collect();
            if lost.is_empty() { Ok(()) } else { Err(format!("not there: {lost:?}")) }
        })
        .await;
        self.lab.simulator().assert_no_ratchet_reuse().await;
    }
}

fn renewals(health: &Value) -> u64 {
    health["details"]["sessions"]["chainsRenewed"].as_u64().expect("how often chains were renewed")
}

fn forget_side_files(folder: &Path) {
    for item in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = item.file_name().to_string_lossy().into_owned();
        if name.ends_with("-wal") || name.ends_with("-shm") {
            std::fs::remove_file(item.path()).expect("remove a side file");
        }
    }
}

fn put_file(copy: &Path, auth_info: &Path, name: &str, how: How) {
    for side in ["", "-wal", "-shm"] {
        let (from, to) = (copy.join(format!("{name}{side}")), auth_info.join(format!("{name}{side}")));
        if to.exists() && (how == How::NewFiles || !from.exists()) {
            std::fs::remove_file(&to).expect("remove a file");
        }
        if from.exists() {
            std::fs::copy(&from, &to).expect("put a file back");
        }
    }
}

/// Copies files into files that are there, or makes them.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder for the copy");
    for item in std::fs::read_dir(from).expect("a folder to copy").flatten() {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_tree(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).expect("copy a file");
        }
    }
}

/// How the gateway ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Stopped,
    Killed,
}

/// The copy is made while the gateway is stopped, or while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Copied {
    Stopped,
    Running,
}

async fn rolled_back(what: Back, how: How, copied: Copied, end: End, since: usize) {
    let mut scene = Scene::new().await;
    scene.send("before", 3).await;
    let copy = match copied {
        Copied::Running => scene.copy("copy"),
        Copied::Stopped => {
            assert!(scene.gateway().terminate().await.success());
            let copy = scene.copy("copy");
            scene.gateway().start().await;
            scene.gateway().wait_working().await;
            copy
        }
    };
    assert_eq!(scene.renewals().await, 0, "a plain restart negotiates nothing anew");
    scene.send("since the copy", since).await;
    match end {
        End::Stopped => assert!(scene.gateway().terminate().await.success()),
        End::Killed => scene.gateway().kill().await,
    }
    scene.put_back(&copy, what, how);
    let folder = scene.gateway().folder().to_owned();
    let (_, health) = scene.lab.run_on(&folder, &["health"]).await;
    let codes: Vec<_> = health["findings"].as_array().expect("findings").iter().map(|f| &f["code"]).collect();
    assert!(codes.iter().any(|code| **code == "older_copy"), "health says nothing: {health:#}");
    scene.gateway().start().await;
    scene.gateway().wait_line("sending chains are negotiated anew").await;
    scene.gateway().wait_working().await;
    assert_eq!(scene.renewals().await, 1);
    scene.send("after", since).await;
    scene.judge().await;
    // It was told once and is over: the next start is a plain one.
    scene.gateway().kill().await;
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.send("after a kill", 3).await;
    assert_eq!(scene.renewals().await, 0);
    scene.judge().await;
}

#[tokio::test]
async fn the_whole_folder_from_before_the_last_start() {
    rolled_back(Back::Folder, How::NewFiles, Copied::Stopped, End::Stopped, SINCE).await;
}

#[tokio::test]
async fn the_whole_folder_copied_while_it_ran_and_put_back_in_place() {
    rolled_back(Back::Folder, How::InPlace, Copied::Running, End::Killed, SINCE).await;
}

#[tokio::test]
async fn the_whole_folder_put_back_in_place_after_a_stop() {
    rolled_back(Back::Folder, How::InPlace, Copied::Stopped, End::Stopped, 200).await;
}

#[tokio::test]
async fn the_engines_database_alone() {
    rolled_back(Back::Engine, How::InPlace, Copied::Stopped, End::Killed, SINCE).await;
}

#[tokio::test]
async fn the_engines_database_alone_of_the_same_run() {
    rolled_back(Back::Engine, How::InPlace, Copied::Running, End::Killed, 200).await;
}

#[tokio::test]
async fn the_rows_alone() {
    rolled_back(Back::Rows, How::InPlace, Copied::Stopped, End::Stopped, SINCE).await;
}

/// Sends that were on disk and not acknowledged go out on the new chains, and arrive once.
#[tokio::test]
async fn sends_that_waited_go_out_on_new_chains() {
    let mut scene = Scene::new().await;
    scene.send("before", 3).await;
    assert!(scene.gateway().terminate().await.success());
    let copy = scene.copy("copy");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.send("since the copy", SINCE).await;
    // The server reads and answers nothing more: it may have what follows, or not.
    scene.lab.simulator().fault(json!({"kind": "half_open"})).await;
    for chat in [scene.ben.address.chat_id(), scene.group.clone()] {
        let text = format!("waits for {chat}");
        let request = scene.gateway().request(Method::POST, "/api/sendText");
        let request = request.json(&Gateway::text(&chat, &text)).timeout(Duration::from_secs(3));
        assert!(request.send().await.is_err(), "nobody acknowledged it");
        scene.sent.push(text);
    }
    scene.gateway().kill().await;
    scene.put_back(&copy, Back::Engine, How::InPlace);
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    assert_eq!(scene.renewals().await, 1);
    let (ben, waited) = (scene.ben.clone(), scene.sent[scene.sent.len() - 2..].to_vec());
    eventually("the sends that waited", PATIENCE, async || {
        let inbox = ben.inbox().await;
        let there = |text: &String| inbox.iter().any(|message| message["text"] == **text);
        if waited.iter().all(there) { Ok(()) } else { Err("not yet") }
    })
    .await;
    scene.send("after", 5).await;
    scene.judge().await;
}

/// Neither a restart nor a kill under traffic is taken for an older copy.
#[tokio::test]
async fn restarts_and_kills_negotiate_nothing_anew() {
    let mut scene = Scene::new().await;
    for round in 0..6 {
        scene.send(&format!("round {round}"), 5).await;
        if round % 2 == 0 {
            scene.gateway().kill().await;
        } else {
            assert!(scene.gateway().terminate().await.success());
        }
        scene.gateway().start().await;
        scene.gateway().wait_working().await;
        assert_eq!(scene.renewals().await, 0, "round {round}");
    }
    // A session that is stopped and started in one process, too.
    scene.gateway().call(Method::POST, "/api/sessions/default/restart", None).await;
    scene.gateway().wait_working().await;
    scene.send("at last", 2).await;
    assert_eq!(scene.renewals().await, 0);
    scene.judge().await;
}
