//! What all contenders have in common: one simulated WhatsApp in a process of its own, the people they talk to, and one
//! receiver of webhooks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;
use wakeeper_e2e::simulator::{Addressing, Phone, Simulator};
use wakeeper_e2e::{Binary, FailingDisk};

use crate::plan::{Plan, workspace};
use crate::receiver::Receiver;

/// People to talk to, and as many chats.
pub const PEOPLE: usize = 32;
const SEED: u64 = 11;
/// The phone numbers begin here.
const FIRST_NUMBER: u64 = 491_510_000_000;

/// The world of one run.
pub struct World {
    /// The server, and the phones.
    pub simulator: Simulator,
    /// Where webhooks go.
    pub receiver: Receiver,
    /// People to talk to.
    pub people: Vec<Phone>,
    client: reqwest::Client,
    next_number: AtomicU64,
    folder: TempDir,
}

impl World {
    /// Starts the server and makes the people.
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let disk = workspace().join("target/bench");
        std::fs::create_dir_all(&disk).context("cannot make a folder")?;
        let folder = tempfile::tempdir_in(disk).context("cannot make a folder")?;
        for part in ["logs", "homes"] {
            std::fs::create_dir(folder.path().join(part)).context("cannot make a folder")?;
        }
        let binary = Binary::at(plan.wakeeper.clone());
        let logs = folder.path().join("logs");
        let simulator = Simulator::start(&binary, folder.path(), &logs, SEED, Addressing::PhoneNumber).await;
        let mut world = Self {
            simulator,
            receiver: Receiver::start().await?,
            people: Vec::new(),
            client: reqwest::Client::new(),
            next_number: AtomicU64::new(FIRST_NUMBER),
            folder,
        };
        for _ in 0..PEOPLE {
            let person = world.phone("Somebody").await;
            world.people.push(person);
        }
        Ok(world)
    }

    /// A new phone.
    pub async fn phone(&self, name: &str) -> Phone {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.simulator.phone(&number.to_string(), name).await
    }

    /// The server's process.
    pub fn server(&self) -> u32 {
        self.simulator.id()
    }

    /// Where logs go.
    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// Where this run's files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where contenders keep their files.
    pub fn homes(&self) -> PathBuf {
        self.folder.path().join("homes")
    }

    /// The environment of a program whose every fsync takes so much longer; the disk as it is needs none.
    pub fn slow_disk(&self, milliseconds: u64) -> anyhow::Result<Vec<(&'static str, String)>> {
        if milliseconds == 0 {
            return Ok(Vec::new());
        }
        let folder = self.folder.path().join(format!("disk-{milliseconds}"));
        std::fs::create_dir_all(&folder).context("cannot make a folder")?;
        let disk = FailingDisk::new(&folder);
        disk.set(&format!("slow sync {milliseconds} /\n"));
        Ok(disk.variables().to_vec())
    }

    /// How many messages the people ever had in all. Phones keep the newest only, and count on.
    pub async fn noted_by_people(&self) -> anyhow::Result<u64> {
        let phones = self.ask("/sim/phones").await?;
        let ours =
            |phone: &&Value| self.people.iter().any(|person| phone["number"] == *person.address.number);
        let all = phones.as_array().context("a list of phones")?;
        Ok(all.iter().filter(ours).filter_map(|phone| phone["last_seq"].as_u64()).sum())
    }

    /// Whether a phone has a device that is connected.
    pub async fn has_device_online(&self, phone: &Phone) -> anyhow::Result<bool> {
        let described = self.ask(&format!("/sim/phones/{}", phone.address.number)).await?;
        let devices = described["devices"].as_array().context("a list of devices")?;
        Ok(devices.iter().any(|device| device["id"] != 0 && device["online"] == true))
    }

    async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}{path}", self.simulator.base())).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }
}
