//! The harness of the end-to-end tests: it starts the built `wakeeper` binary as simulator and as gateway,
//! real Baileys clients and a webhook receiver, each on loopback and in a temporary folder, and ends them all.
//!
//! Nothing here waits for time to pass: every wait names a condition and a deadline, and fails with what it saw.

// A test says what is wrong by panicking, and its harness explains on the terminal.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

pub mod address;
pub mod alerts;
pub mod container;
pub mod damaged_session;
pub mod docker;
pub mod failing_disk;
pub mod gateway;
pub mod journal;
pub mod lab;
pub mod party;
pub mod peer;
pub mod port;
pub mod process;
pub mod seeds;
pub mod shapes;
pub mod simulator;
pub mod small_disk;
pub mod story;
pub mod volume;
pub mod watch;
pub mod webhook;
pub mod whatsmeow_store;

pub use address::Address;
pub use alerts::Alerts;
pub use container::BaileysContainer;
pub use damaged_session::DamagedSession;
pub use failing_disk::FailingDisk;
pub use gateway::Gateway;
pub use lab::{Binary, Lab};
pub use party::{Ack, Party};
pub use peer::{Baileys, Peer};
pub use simulator::{Addressing, Phone, Simulator};
pub use small_disk::SmallDisk;
pub use story::told;
pub use volume::Volume;
pub use watch::{Watch, Watched};
pub use webhook::Webhooks;

/// How long anything may take that is not said otherwise; long, for machines that do other things too.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);
