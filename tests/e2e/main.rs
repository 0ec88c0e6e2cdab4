//! End-to-end tests: real Baileys clients, the built gateway and the simulator, all on loopback.
//!
//! They need the demo build of `wakeeper` and `npm ci --ignore-scripts` in `tests/peers`; `cargo xtask ci`
//! does both.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod api;
mod conversation;
mod crash;
mod demo;
mod doctor;
mod lock;
mod messages;
mod monitor;
mod own_session;
mod pairing;
mod picture;
mod status;
mod transfer;
mod upkeep;
