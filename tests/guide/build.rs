//! The committed Dockerfiles, built as typed in a fresh checkout, and what comes out of them.

use std::time::Duration;

use tempfile::TempDir;
use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::docker::Engine;
use wakeeper_e2e::process::Process;

use crate::checkout::{Checkout, Compose, NAME};
use crate::commands::{BUILD, CURL, RUN};
use crate::images::copy_repository;

/// The lean image, as its Dockerfile says.
const BUILD_LEAN: &str = "docker build -t whatsapp-api:latest .";
/// The engine has its layers, but compared, packed and installed things again.
const LIMIT: Duration = Duration::from_mins(5);
/// The step that compiles the dependencies, and nothing of the workspace.
const DEPENDENCIES: &str = "RUN cargo build --release --locked --package wakeeper";
/// Of an image whose program is built without optimisation, as tests build it. The published program is a third as large
/// (docs/releasing.md), so what this guards against is a file too many.
const LARGEST_MB: u64 = 260;

/// G09: both images; the second shares every compiled layer of the first.
#[tokio::test]
async fn both_images_as_typed() {
    compile().await;
    let checkout = Checkout::without_images(Compose::V1).await;
    checkout.within(LIMIT, BUILD.text(), "").await.code(0);
    let lean = checkout.within(LIMIT, BUILD_LEAN, "").await.code(0);
    assert!(!lean.out.contains("Compiling"), "compiled again\n{lean}");
    for image in ["whatsapp-api:session-enhanced", "whatsapp-api:latest"] {
        is_as_promised(&checkout, image).await;
        runs(&checkout, image).await;
    }
    dependencies_are_kept(&checkout).await;
}

/// Has the engine compile, which takes minutes and none of the guide's names: other tests run meanwhile. The commands as
/// they are typed find these layers, because they are of the same files.
async fn compile() {
    let folder = TempDir::with_prefix("wakeeper-build-").expect("a temporary folder");
    copy_repository(folder.path());
    let (context, dockerfile) = (folder.path(), folder.path().join("Dockerfile.session-enhanced"));
    let (context, dockerfile) = (context.to_string_lossy(), dockerfile.to_string_lossy());
    let words = ["build", "--quiet", "--target", "build", "--tag", "wakeeper-build", "--file"];
    Engine::of_this_run().docker(&[&words[..], &[&dockerfile, &context]].concat()).await;
}

/// Small, without root, with a health check of its own, and with nobody's session in it.
async fn is_as_promised(checkout: &Checkout, image: &str) {
    let facts = "{{.Config.User}} {{json .Config.Healthcheck.Test}} {{.Size}}";
    let facts = checkout.engine.docker(&["image", "inspect", "--format", facts, image]).await;
    let (start, bytes) = facts.rsplit_once(' ').expect("a size");
    assert_eq!(start, r#"10001:10001 ["CMD","wakeeper","healthcheck"]"#, "{image}");
    let megabytes = bytes.parse::<u64>().expect("a size") / 1_000_000;
    eprintln!("{image}: {megabytes} MB");
    assert!(megabytes < LARGEST_MB, "{image}: {megabytes} MB");
    let files = ["run", "--rm", "--entrypoint", "find", image, "/app", "-not", "-type", "d"];
    assert_eq!(checkout.engine.docker(&files).await, "", "{image}: files in /app");
}

/// The guide's `docker run`, in a folder that holds none of what it mounts.
async fn runs(checkout: &Checkout, image: &str) {
    let run = RUN.text().replace("whatsapp-api:session-enhanced", image);
    checkout.shell(&run).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.guide(CURL).await.code(0).shows("\"status\":\"ok\"");
    checkout.shell("docker exec whatsapp-api id -u").await.code(0).shows("10001");
    let remove = "docker rm --force whatsapp-api && rm -rf auth_info baileys_store.json session_backups";
    checkout.shell(remove).await.code(0);
}

/// A change of the source compiles no dependency again. The build is called off as soon as that is seen.
async fn dependencies_are_kept(checkout: &Checkout) {
    checkout.shell("echo '// changed' >> crates/cli/src/main.rs").await.code(0);
    let logs = checkout.lab().logs();
    let build = Process::start("build", &mut checkout.command(BUILD.text()), &logs);
    let cached = |lines: &[String]| {
        let step = lines.iter().position(|line| line.contains(DEPENDENCIES))?;
        lines.get(step + 1).map(|line| line.contains("Using cache"))
    };
    let kept = build.lines().wait("the step of the dependencies", PATIENCE * 2, cached).await;
    assert!(kept, "the dependencies are compiled again: {:#?}", build.lines().read(<[String]>::to_vec));
    build.kill().await;
}
