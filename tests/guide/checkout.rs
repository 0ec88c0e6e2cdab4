//! A fresh checkout with a shell in it, as somebody has who follows the guide.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use wakeeper_e2e::docker::{Engine, Names, Removal};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::lab::Binary;
use wakeeper_e2e::{Addressing, Lab, PATIENCE, Phone};

use crate::commands::COMMANDS;

/// The key of the gateway's API, given as its users do, in `.env`.
pub const API_KEY: &str = "api-key-of-the-guide-suite";
/// The containers of these tests that are not in the compose project.
const CONTAINERS: [&str; 4] = ["whatsapp-api", "my-whatsapp-api", "my-app", "stranger"];
/// The checkout's folder, and so the compose project.
pub const PROJECT: &str = "checkout";
/// A command may take this long; the slowest waits for a healthy container.
const LONGEST: Duration = Duration::from_mins(3);
/// The number that the gateway is linked to.
const NUMBER: &str = "491701000077";

/// Which compose is installed where the guide is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compose {
    /// docker-compose 1.29, from Debian.
    V1,
    /// Version 2, both as `docker compose` and under its old name.
    V2,
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Said {
    pub command: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, Some(wanted), "{}\n--- out\n{}\n--- err\n{}", self.command, self.out, self.err);
        self
    }

    /// Fails unless standard output holds this.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        let Self { command, out, err, .. } = &self;
        assert!(out.contains(text), "{command} does not show {text:?}\n--- out\n{out}\n--- err\n{err}");
        self
    }

    /// Fails unless standard error holds this.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        let Self { command, out, err, .. } = &self;
        assert!(err.contains(text), "{command} does not say {text:?}\n--- out\n{out}\n--- err\n{err}");
        self
    }
}

/// The checkout, the simulated WhatsApp that its images talk to, and an engine. What it leaves is removed at the end.
pub struct Checkout {
    lab: Lab,
    pub engine: Engine,
    folder: PathBuf,
    home: PathBuf,
    path: String,
    _removals: Vec<Removal>,
    _home: TempDir,
    _names: Names,
}

impl Checkout {
    /// Copies the repository's files and makes the images that it names.
    pub async fn fresh(compose: Compose) -> Self {
        let engine = Engine::of_this_run();
        let names = Names::take().await;
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let folder = lab.folder().join(PROJECT);
        copy_repository(&folder);
        fs::write(
            folder.join(".env"),
            format!("API_KEY={API_KEY}\nDOCKER_SOCKET={}\n", engine.socket().display()),
        )
        .expect("settings");
        images(&engine, &lab).await;
        let home = TempDir::with_prefix("wakeeper-guide-").expect("a home");
        let path = tools(&engine, home.path(), compose, &Binary::demo());
        // A test that was killed could not remove its own.
        let _ = engine.try_docker(&[&["rm", "--force", "--volumes"], &CONTAINERS[..]].concat()).await;
        let removals = CONTAINERS.map(|name| engine.removes(name));
        Self {
            lab,
            folder,
            path,
            home: home.path().to_owned(),
            _removals: removals.into(),
            engine,
            _home: home,
            _names: names,
        }
    }

    /// The checkout's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a line of the guide in a shell; it must stand in the table.
    pub async fn guide(&self, line: &str) -> Said {
        assert!(COMMANDS.contains(&line), "{line:?} is not in the table");
        self.shell(line).await
    }

    /// Runs any line in a shell.
    pub async fn shell(&self, line: &str) -> Said {
        self.typed(line, "").await
    }

    /// Runs any line in a shell and types something into it.
    pub async fn typed(&self, line: &str, input: &str) -> Said {
        let mut command = self.engine.command("bash");
        command.args(["-c", line]).current_dir(&self.folder).env_clear();
        command.env("DOCKER_HOST", self.engine.host()).env("PATH", &self.path).env("HOME", &self.home);
        command.env("LANG", "C.UTF-8");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut keyboard = child.stdin.take().expect("an input");
        // A command that reads nothing may have ended already.
        let _ = keyboard.write_all(input.as_bytes()).await;
        drop(keyboard);
        let output = tokio::time::timeout(LONGEST, child.wait_with_output()).await;
        let output =
            output.unwrap_or_else(|_| panic!("{line} still runs after {LONGEST:?}")).expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            command: line.to_owned(),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// The gateway's answer to a request, status first.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let url = format!("http://127.0.0.1:8192{path}");
        let request = reqwest::Client::new().get(url).header("X-Api-Key", self.key()).timeout(PATIENCE);
        let response = request.send().await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(|error| error.to_string())?))
    }

    /// The gateway's key: compose reads it from `.env`; `docker run` is told none, and the gateway makes one.
    fn key(&self) -> String {
        let made = fs::read_to_string(self.folder.join("auth_info/api_key"));
        made.map_or_else(|_| API_KEY.to_owned(), |key| key.trim().to_owned())
    }

    /// A phone for the gateway.
    pub async fn phone(&self) -> Phone {
        self.lab.simulator().phone(NUMBER, "Anna").await
    }

    /// Scans the QR code that the gateway shows, and waits until it works.
    pub async fn link(&self, phone: &Phone) {
        phone.scan(&self.qr().await).await;
        self.wait_working().await;
    }

    /// The QR code of the gateway.
    pub async fn qr(&self) -> String {
        eventually("a QR code", PATIENCE, async || {
            let (status, body) = self.get("/api/default/auth/qr?format=raw").await?;
            let value: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            value["value"].as_str().map(str::to_owned).ok_or_else(|| format!("{status} {body}"))
        })
        .await
    }

    /// Waits until the session works, without a new QR code.
    pub async fn wait_working(&self) {
        eventually("a session that works", PATIENCE, async || {
            let (status, body) = self.get("/api/sessions/default").await?;
            if body.contains("\"WORKING\"") { Ok(()) } else { Err(format!("{status} {body}")) }
        })
        .await;
    }

    /// Waits until the container's log holds a text.
    pub async fn wait_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), PATIENCE, async || {
            let said = self.shell("./docker-session-manager.sh logs --no-follow").await;
            if said.out.contains(text) { Ok(()) } else { Err(format!("{}{}", said.out, said.err)) }
        })
        .await;
    }
}

impl Drop for Checkout {
    /// A test that failed half-way leaves a compose project, which has the folder's name.
    fn drop(&mut self) {
        let script = format!(
            "docker ps --all --quiet --filter label=com.docker.compose.project={PROJECT} | \
             xargs --no-run-if-empty docker rm --force --volumes; docker network rm {PROJECT}_default"
        );
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).env("DOCKER_HOST", self.engine.host());
        // A test that went well leaves nothing to remove.
        let _ = shell.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The tracked files of the workspace, as a clone has them.
fn copy_repository(to: &Path) {
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
/// programs that this test run built anyway, and the simulator as their WhatsApp.
async fn images(engine: &Engine, lab: &Lab) {
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
    for name in ["wakeeper", "wakeeper-adopt"] {
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
fn tools(engine: &Engine, home: &Path, compose: Compose, binary: &Binary) -> String {
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
