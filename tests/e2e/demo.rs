//! What a newcomer types first.

use std::time::Duration;

use wakeeper_e2e::lab::Binary;
use wakeeper_e2e::process::Process;

#[tokio::test]
async fn demo_tells_its_story_and_exits_with_success() {
    let folder = tempfile::TempDir::with_prefix("wakeeper-e2e-demo-").unwrap();
    let mut command = Binary::demo().command(folder.path());
    command.args(["demo", "--exit"]).env("PORT", "0");
    let mut demo = Process::start("demo", &mut command, folder.path());

    let status = demo.wait_exit(Duration::from_mins(2)).await;

    let said = demo.lines().read(<[String]>::to_vec).join("\n");
    assert!(status.success(), "{status}\n{said}");
    assert!(said.contains("http://127.0.0.1:"), "it names the address to open:\n{said}");
    assert!(!said.contains('\u{1b}'), "no colours when it does not write to a terminal:\n{said}");
}
