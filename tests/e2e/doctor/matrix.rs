//! Releases of Baileys from npm, each with a healthy folder, torn credentials, a spoilt record and sender keys in the other
//! shape: what the doctor says, what `clean` does, and the same gateway started on the result.
//!
//! The oldest and the newest, 6.7.18 and 7.0.0-rc14, are in the modules beside this one. Of the others one is tried each time,
//! and all of them by `cargo xtask long`.

use wakeeper_e2e::{Addressing, Baileys, seeds};

use super::credentials::emptied_credentials;
use super::late::contaminated_by_a_late_message;
use super::upgrade::another_version;

/// Stores sender keys as 7.x does, and names sessions as 6.7.18 does.
const ALWAYS: [Baileys; 1] = [Baileys::Release("6.7.24")];
/// 7.0.0-rc.1 is not among them: it asks the simulator for a contact in a way that it does not answer.
const IN_FULL: [Baileys; 5] = [
    Baileys::Release("6.7.24"),
    Baileys::Release("6.7.19"),
    Baileys::Release("6.17.16"),
    Baileys::Release("7.0.0-rc.4"),
    Baileys::Release("7.0.0-rc.9"),
];

fn releases() -> impl Iterator<Item = Baileys> {
    let chosen = if seeds::is_long() { &IN_FULL[..] } else { &ALWAYS[..] };
    chosen.iter().copied().inspect(|release| eprintln!("Baileys {}", release.name()))
}

#[tokio::test]
async fn healthy() {
    for release in releases() {
        super::a_healthy_folder_is_left_byte_identical(release).await;
    }
}

#[tokio::test]
async fn torn_credentials() {
    for release in releases() {
        emptied_credentials(release).await;
    }
}

/// Of one release: the story needs each client to ask for a message again at the right moment.
#[tokio::test]
async fn contaminated_record() {
    for release in ALWAYS {
        contaminated_by_a_late_message(release).await;
    }
}

#[tokio::test]
async fn sender_keys_of_another_release() {
    for release in releases() {
        // 6.17.16 stores as 6.7.18 does.
        let before = if release == Baileys::Release("6.17.16") { ALWAYS[0] } else { Baileys::Six };
        another_version(Addressing::PhoneNumber, before, release).await;
    }
}
