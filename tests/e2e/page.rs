//! The page in Chromium: each flow as a person goes through it (`tests/browser`), on one gateway and one simulator.

use std::path::Path;

use wakeeper_e2e::gateway::API_KEY;
use wakeeper_e2e::{Addressing, Lab, Webhooks};

/// Who writes to the linked number. Its name is markup, as any stranger's may be.
const CONTACT: (&str, &str) = ("491701000003", "<b>Dora</b>");

#[tokio::test]
async fn every_flow_of_the_page_works_in_a_browser() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    lab.simulator().phone(CONTACT.0, CONTACT.1).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    assert!(folder.join("node_modules").is_dir(), "run `cargo xtask setup`, which installs tests/browser");
    let mut command = tokio::process::Command::new("node");
    command.arg(folder.join("run.mjs")).kill_on_drop(true);
    command.env("GATEWAY", gateway.url("/")).env("API_KEY", API_KEY);
    command.env("SIMULATOR", lab.simulator().base()).env("CONTACT", CONTACT.0);
    let output = command.output().await.expect("node runs");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let done = told.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(output.status.success(), "{told}{errors}");
    assert!(done >= 18, "{done} flows ran: {told}");
    println!("{told}");
}
