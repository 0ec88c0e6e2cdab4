//! The examples, as they are in the repository, against a gateway: each sends once, also when it is run twice.

use std::path::Path;

use tokio::process::Command;
use wakeeper_e2e::gateway::API_KEY;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Lab, PATIENCE};

#[tokio::test]
async fn examples_send_once_and_show_what_they_did() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let ben = lab.simulator().phone("491702000001", "Ben").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let run = async |program: &str, file: &str, key: &str| {
        let mut command = Command::new(program);
        command.arg(folder.join(file)).arg("491702000001");
        command.env("WAKEEPER_URL", gateway.url("")).env("WAKEEPER_KEY", key);
        command.output().await.expect("an example runs")
    };
    for (program, file, text) in [
        ("sh", "send.sh", "Hello from curl"),
        ("node", "send.mjs", "Hello from Node"),
        ("python3", "send.py", "Hello from Python"),
    ] {
        for _ in 0..2 {
            let output = run(program, file, API_KEY).await;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{file}: {said} {}", String::from_utf8_lossy(&output.stderr));
            assert!(said.contains(text), "{file}: {said}");
        }
        let once = async || {
            let inbox = ben.inbox().await;
            match inbox.iter().filter(|message| message["text"] == text).count() {
                1 => Ok(()),
                count => Err(count),
            }
        };
        eventually("the text, once", PATIENCE, once).await;
        let refused = run(program, file, "a-key-that-is-wrong").await;
        assert!(!refused.status.success(), "{file} takes a refusal for success");
    }
}
