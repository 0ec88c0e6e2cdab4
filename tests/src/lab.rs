//! One test's world: a temporary folder, the simulator, and whoever joins it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::gateway::Gateway;
use crate::party::Party;
use crate::peer::{Baileys, Peer, PeerSettings};
use crate::simulator::{Addressing, Simulator};
use crate::story::Client;
use crate::webhook::Webhooks;

/// Lines of each log that a failed test prints.
const SHOWN_LINES: usize = 40;

/// The built program.
#[derive(Debug, Clone)]
pub struct Binary(PathBuf);

impl Binary {
    /// The demo build of this source tree, which nextest's setup script builds and names in `WAKEEPER_BIN`. Whatever
    /// lies in a target folder may be older than the source, and is not taken.
    pub fn demo() -> Self {
        let path =
            std::env::var_os("WAKEEPER_BIN").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
        let path =
            path.expect("run these tests with cargo nextest, which builds the program, or set WAKEEPER_BIN");
        assert!(path.is_file(), "WAKEEPER_BIN: there is no file {}", path.display());
        Self(path)
    }

    /// The program at this path.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command that runs it in `folder` and inherits nothing that could change what it does.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.env_clear().current_dir(folder).env("HOME", folder).env("RUST_BACKTRACE", "1");
        // For ffmpeg, which converts files.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(mut level) = std::env::var_os("E2E_RUST_LOG") {
            // The lines that say which port was taken.
            level.push(",wakeeper::commands::simulator=info,wakeeper::monitor::metrics=info");
            command.env("RUST_LOG", level);
        }
        command
    }
}

/// The world of one test. Keep it in the first variable: it must be dropped last.
pub struct Lab {
    folder: Option<TempDir>,
    binary: Binary,
    simulator: Arc<Simulator>,
    clients: Mutex<Vec<Client>>,
    failed: AtomicBool,
}

impl Lab {
    /// Starts a simulator in a fresh folder.
    pub async fn start(addressing: Addressing) -> Self {
        // Only the first test of a process finds none installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binary = Binary::demo();
        let folder = TempDir::with_prefix("wakeeper-e2e-").expect("a temporary folder");
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder for logs");
        let simulator = Simulator::start(&binary, folder.path(), &logs, 7, addressing).await;
        Self {
            folder: Some(folder),
            binary,
            simulator: Arc::new(simulator),
            clients: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// The simulator.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The Baileys 7 clients that were linked here.
    pub fn clients(&self) -> Vec<Client> {
        self.clients.lock().expect("the clients").clone()
    }

    /// Says that wakeeper touches this account's session, so that what it does wrong may be our fault.
    pub fn tend(&self, number: &str) {
        for client in self.clients.lock().expect("the clients").iter_mut() {
            client.tended |= client.address.number == number;
        }
    }

    /// Keeps and shows everything of this test, as after a panic.
    pub fn keep(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The built program.
    pub fn binary(&self) -> &Binary {
        &self.binary
    }

    /// The folder that holds everything of this test.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("a folder until the end").path()
    }

    /// Where logs go.
    pub fn logs(&self) -> PathBuf {
        self.folder().join("logs")
    }

    /// Runs a command of the built program to its end and returns its exit code, output and errors.
    pub async fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.binary.command(self.folder());
        let output = command.args(arguments).output().await.expect("a command that runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a command on a gateway's data folder and returns its exit code and document.
    pub async fn run_on(&self, folder: &Path, words: &[&str]) -> (Option<i32>, Value) {
        let folder = folder.to_string_lossy();
        let (code, out, errors) = self.run(&[words, &["--data-dir", &folder, "--json"]].concat()).await;
        let document = serde_json::from_str(&out);
        (code, document.unwrap_or_else(|_| panic!("{words:?}: {out}{errors}")))
    }

    /// A gateway with its own folder, not started.
    pub fn gateway(&self, name: &str, webhooks: &Webhooks) -> Gateway {
        Gateway::new(name, self, webhooks.url())
    }

    /// Starts a Baileys client, not connected.
    pub async fn peer(&self, name: &str, version: Baileys) -> Peer {
        let settings = PeerSettings {
            name,
            version,
            auth: &self.folder().join(name),
            url: &self.simulator.websocket(),
            root: self.simulator.root(),
            logs: &self.logs(),
        };
        Peer::start(&settings).await
    }

    /// Starts a gateway, links its session `default` to a new phone by QR code, and waits until it works.
    pub async fn linked_gateway(&self, name: &str, number: &str) -> Party {
        let phone = self.simulator.phone(number, name).await;
        let webhooks = Webhooks::start().await;
        let mut gateway = self.gateway(name, &webhooks);
        gateway.start().await;
        phone.scan(&gateway.qr().await).await;
        gateway.wait_working().await;
        Party::gateway(name, phone, gateway, webhooks)
    }

    /// Starts a Baileys client, links it to a new phone by QR code, and waits until it is open.
    pub async fn linked_peer(&self, name: &str, version: Baileys, number: &str) -> Party {
        let phone = self.simulator.phone(number, name).await;
        let peer = self.peer(name, version).await;
        peer.link(&phone).await;
        if version.is_seven() {
            let client = Client { name: name.to_owned(), address: phone.address.clone(), tended: false };
            self.clients.lock().expect("the clients").push(client);
        }
        Party::baileys(name, phone, peer)
    }

    /// A simulated contact.
    pub async fn contact(&self, name: &str, number: &str) -> Party {
        Party::phone(name, self.simulator.phone(number, name).await)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.failed.load(Ordering::Relaxed) {
            return;
        }
        let Some(folder) = self.folder.take() else { return };
        let kept = folder.keep();
        eprintln!("everything of this test is kept in {}", kept.display());
        let Ok(logs) = std::fs::read_dir(kept.join("logs")) else { return };
        for log in logs.flatten() {
            let text = std::fs::read(log.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            eprintln!("---- {} (last lines)", log.file_name().display());
            for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
                eprintln!("{}", line.chars().take(300).collect::<String>());
            }
        }
    }
}
