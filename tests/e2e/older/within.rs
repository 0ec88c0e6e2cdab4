//! Files that fall back within one run of a session: none of the words that mark a run tells of it.

use std::path::Path;

use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::journal::eventually;

use super::{Scene, forget_side_files};

const DATABASES: [&str; 2] = ["wakeeper.db", "sessions/default/engine.db"];

/// Writes a copy over the files that are there, the way `rsync --inplace` does.
fn write_over(copy: &Path, auth_info: &Path, names: &[String]) {
    for name in names {
        if copy.join(name).exists() {
            std::fs::copy(copy.join(name), auth_info.join(name)).expect("put a file back in place");
        }
    }
}

fn with(sides: &[&str]) -> Vec<String> {
    DATABASES.iter().flat_map(|name| sides.iter().map(move |side| format!("{name}{side}"))).collect()
}

/// Waits until the gateway has noted how far it has come, all of `scene.sent` included.
async fn noted(scene: &mut Scene) {
    let path = scene.auth_info().join("sessions/default/generation.count");
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    let before = read();
    scene.send("one more", 1).await;
    eventually(
        "the count to move on",
        PATIENCE,
        async || if read() == before { Err(read()) } else { Ok(()) },
    )
    .await;
}

/// The gateway is killed, `fall_back` is done to its folder, and it is started again. Answers how often it negotiated its
/// chains anew.
async fn fallen_back(fall_back: impl FnOnce(&Path, &Path)) -> u64 {
    let mut scene = Scene::new().await;
    scene.send("before", 3).await;
    let copy = scene.copy("copy");
    scene.send("since the copy", 60).await;
    noted(&mut scene).await;
    scene.gateway().kill().await;
    let auth_info = scene.auth_info();
    fall_back(&copy, &auth_info);
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    let renewals = scene.renewals().await;
    scene.send("after", 60).await;
    scene.judge().await;
    renewals
}

/// What people do against "database is locked". How much is lost depends on when SQLite emptied the logs last.
#[tokio::test]
async fn the_logs_beside_the_databases_are_deleted() {
    fallen_back(|_, auth_info| {
        forget_side_files(auth_info);
        forget_side_files(&auth_info.join("sessions/default"));
    })
    .await;
}

#[tokio::test]
async fn the_logs_beside_the_databases_are_put_back() {
    let renewals = fallen_back(|copy, auth_info| write_over(copy, auth_info, &with(&["-wal"]))).await;
    assert_eq!(renewals, 1, "it went unseen");
}

#[tokio::test]
async fn both_databases_are_put_back_and_nothing_else() {
    let renewals = fallen_back(|copy, auth_info| write_over(copy, auth_info, &with(&["", "-wal"]))).await;
    assert_eq!(renewals, 1, "it went unseen");
}

/// `rsync` passes over a file whose size and time did not change, as those of the note: it was written at the start.
#[tokio::test]
async fn everything_is_put_back_but_the_note() {
    let renewals = fallen_back(|copy, auth_info| {
        let mut names = with(&["", "-wal", "-shm"]);
        names.push("sessions/default/generation.count".to_owned());
        write_over(copy, auth_info, &names);
    })
    .await;
    assert_eq!(renewals, 1, "WhatsApp's server did not tell");
}
