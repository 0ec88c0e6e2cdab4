//! What a checkout needs before the guide's first command: its files, the images, the tools.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use wakeeper_e2e::Lab;
use wakeeper_e2e::docker::Engine;
use wakeeper_e2e::lab::Binary;

use crate::checkout::Compose;

/// The tracked files of the workspace, as a clone has them.
pub fn copy_repository(to: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let mut git = std::process::Command::new("git");
    let listed = git.args(["ls-files", "-z"]).current_dir(workspace).output().expect("git that runs");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    for name in String::from_utf8(listed.stdout).expect("names").split('\0').filter(|name| !name.is_empty()) {
        let (source, target) = (workspace.join(name), to.join(name));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&source, &target).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    }
}

/// The images that the compose files and the guide name: the runtime stage of the committed Dockerfile, with the
/// programs that this test run built anyway, and the simulator as their WhatsApp. What the committed Dockerfiles build
/// as they stand (`build.rs`) refuses a simulator, and to build them with it would compile every dependency once more.
pub async fn make(engine: &Engine, lab: &Lab) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let (dockerfile, prebuilt) =
        (workspace.join("Dockerfile.session-enhanced"), workspace.join("tests/guide/Dockerfile.prebuilt"));
    let context = lab.folder().join("programs");
    fs::create_dir(&context).expect("a folder");
    engine
        .docker(&[
            "build",
            "--quiet",
            "--target",
            "runtime",
            "--tag",
            "wakeeper-runtime",
            "--file",
            &dockerfile.to_string_lossy(),
            &context.to_string_lossy(),
        ])
        .await;
    for name in ["wakeeper", "wakeeper-chown-mounts"] {
        let built = Binary::demo().path().with_file_name(name);
        let mut strip = engine.command("strip");
        let stripped = strip.arg("-o").arg(context.join(name)).arg(&built).status().await.expect("strip");
        assert!(stripped.success(), "strip {}", built.display());
    }
    let address = lab.simulator().websocket();
    let port = address.trim_start_matches("ws://127.0.0.1:").split('/').next().expect("a port");
    let port = engine.lead_to(port.parse().expect("a port")).await;
    let address = format!("ws://{}:{port}/ws/chat", engine.bridge());
    for tag in ["whatsapp-api:session-enhanced", "whatsapp-api:latest"] {
        engine.build(tag, &prebuilt, &context, &[("WHATSAPP_WS_URL", &address)]).await;
    }
}

/// A home with the chosen compose, and the `PATH` that finds it and the built program.
pub fn tools(engine: &Engine, home: &Path, compose: Compose, binary: &Binary) -> String {
    let folder = home.join("bin");
    fs::create_dir(&folder).expect("a folder");
    symlink(binary.path(), folder.join("wakeeper")).expect("a link");
    if compose == Compose::V2 {
        let program = engine.compose_v2().expect("compose v2 was to be installed by `cargo xtask ci`");
        let plugins = home.join(".docker/cli-plugins");
        fs::create_dir_all(&plugins).expect("a folder");
        symlink(program, plugins.join("docker-compose")).expect("a link");
        symlink(program, folder.join("docker-compose")).expect("a link");
    }
    let inherited = std::env::var("PATH").unwrap_or_default();
    format!("{}:{inherited}", folder.display())
}
