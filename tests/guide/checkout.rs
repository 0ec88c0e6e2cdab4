//! A fresh checkout with a shell in it, as somebody has who follows the guide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wakeeper_e2e::docker::{Engine, Names, Removal};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::lab::Binary;
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{Addressing, Baileys, BaileysContainer, Lab, PATIENCE, Phone};

use crate::commands::Line;
use crate::images;
use crate::said::Said;

/// The key of the gateway's API, given as its users do, in `.env`.
pub const API_KEY: &str = "api-key-of-the-guide-suite";
/// The guide's container.
pub const NAME: &str = "whatsapp-api";
/// The containers of these tests that are not in the compose project.
const CONTAINERS: [&str; 4] = [NAME, "my-whatsapp-api", "my-app", "stranger"];
/// The checkout's folder, and so the compose project.
pub const PROJECT: &str = "checkout";
/// A command may take this long; the slowest waits for a healthy container.
const LONGEST: Duration = Duration::from_mins(3);
/// The number that the gateway is linked to.
pub const NUMBER: &str = "491701000077";

/// Which compose is installed where the guide is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compose {
    /// docker-compose 1.29, from Debian.
    V1,
    /// Version 2, both as `docker compose` and under its old name.
    V2,
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
        let checkout = Self::without_images(compose).await;
        images::make(&checkout.engine, &checkout.lab).await;
        checkout
    }

    /// Copies the repository's files.
    pub async fn without_images(compose: Compose) -> Self {
        let engine = Engine::of_this_run();
        let names = Names::take().await;
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let folder = lab.folder().join(PROJECT);
        images::copy_repository(&folder);
        fs::write(
            folder.join(".env"),
            format!("API_KEY={API_KEY}\nDOCKER_SOCKET={}\n", engine.socket().display()),
        )
        .expect("settings");
        let home = TempDir::with_prefix("wakeeper-guide-").expect("a home");
        let path = images::tools(&engine, home.path(), compose, &Binary::demo());
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

    /// The simulated WhatsApp, and whoever joins it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Runs a line of the guide in a shell.
    pub async fn guide(&self, line: Line) -> Said {
        self.shell(line.text()).await
    }

    /// Runs any line in a shell.
    pub async fn shell(&self, line: &str) -> Said {
        self.typed(line, "").await
    }

    /// Runs any line in a shell and types something into it.
    pub async fn typed(&self, line: &str, input: &str) -> Said {
        self.within(LONGEST, line, input).await
    }

    /// As `typed`, for a line that may take so long.
    pub async fn within(&self, limit: Duration, line: &str, input: &str) -> Said {
        let mut command = self.command(line);
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
        let output = tokio::time::timeout(limit, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{line} still runs after {limit:?}")).expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            command: line.to_owned(),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Runs a line of the guide that does not end by itself, at a terminal, until a person who has seen these texts
    /// presses Ctrl-C (again and again: `docker stats` does not always listen).
    pub async fn watched(&self, line: Line, shown: &[&str]) {
        let mut terminal = self.terminal(line);
        let mut keyboard = terminal.take_stdin();
        for text in shown {
            terminal.wait_line(text, PATIENCE).await;
        }
        eventually("the command to end", PATIENCE, async || {
            // It may just have ended.
            let _ = keyboard.write_all(b"\x03").await;
            terminal.exited().ok_or("it runs")
        })
        .await;
    }

    /// Runs a line of the guide at a terminal: each thing is typed and then its answer is waited for; the last one ends
    /// the command. Returns the exit code.
    pub async fn at_terminal(&self, line: Line, talk: &[(&str, &str)], last: &str) -> Option<i32> {
        let mut terminal = self.terminal(line);
        let mut keyboard = terminal.take_stdin();
        for (typed, answer) in talk {
            keyboard.write_all(typed.as_bytes()).await.expect("a keyboard");
            terminal.wait_line(answer, PATIENCE).await;
        }
        keyboard.write_all(last.as_bytes()).await.expect("a keyboard");
        terminal.wait_exit(PATIENCE).await.code()
    }

    /// A shell in the checkout.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.engine.command("bash");
        command.args(["-c", line]);
        self.at_home(&mut command);
        command
    }

    /// The same at a terminal of its own.
    fn terminal(&self, line: Line) -> Process {
        let mut command = self.engine.command("script");
        command.args(["--quiet", "--return", "--flush", "--command", line.text(), "/dev/null"]);
        self.at_home(&mut command);
        command.env("TERM", "xterm").env("SHELL", "/bin/bash");
        Process::start("terminal", &mut command, &self.lab.logs())
    }

    fn at_home(&self, command: &mut Command) {
        command.current_dir(&self.folder).env_clear();
        command.env("DOCKER_HOST", self.engine.host()).env("PATH", &self.path).env("HOME", &self.home);
        command.env("LANG", "C.UTF-8");
    }

    /// A linked Baileys gateway as the guide's container, with its session in the checkout.
    pub async fn baileys(&self) -> BaileysContainer {
        let mut gateway =
            BaileysContainer::linked(&self.lab, &self.engine, Baileys::Six, PROJECT, NUMBER).await;
        self.engine.docker(&["rename", &gateway.name, NAME]).await;
        NAME.clone_into(&mut gateway.name);
        gateway
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

    /// Waits until the session has stored a message that it received.
    pub async fn wait_received(&self, from: &Phone, text: &str) {
        let chat = format!("/api/default/chats/{}@c.us/messages?downloadMedia=false", from.address.number);
        eventually(&format!("the message {text:?}"), PATIENCE, async || {
            let (status, messages) = self.get(&chat).await?;
            if messages.contains(text) { Ok(()) } else { Err(format!("{status} {messages}")) }
        })
        .await;
    }

    /// Waits until the log of compose's session monitor holds a text.
    pub async fn wait_monitor(&self, text: &str) {
        let service = "label=com.docker.compose.service=session-monitor";
        let log = format!("docker logs $(docker ps --all --quiet --filter {service}) 2>&1");
        eventually(&format!("{text:?} in the monitor's log"), PATIENCE, async || {
            let said = self.shell(&log).await;
            if said.out.contains(text) { Ok(()) } else { Err(said) }
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
