//! End-to-end tests: real Baileys clients, the built gateway and the simulator, all on loopback.
//!
//! They need the demo build of `wakeeper` and `npm ci --ignore-scripts` in `tests/peers`; `cargo xtask ci`
//! does both.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod answers;
mod api;
mod broken;
mod conversation;
mod crash;
mod demo;
mod disk;
mod doctor;
mod groups;
mod incidents;
mod kinds;
mod limits;
mod lock;
mod maintenance;
mod messages;
mod monitor;
mod older;
mod own_session;
mod pairing;
mod picture;
mod proxy;
mod receivers;
mod stars;
mod status;
mod streams;
mod transfer;
mod waha;
mod whatsmeow;
