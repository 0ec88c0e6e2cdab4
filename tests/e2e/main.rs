//! End-to-end tests: real Baileys clients, the built gateway and the simulator, all on loopback.
//!
//! They need the demo build of `wakeeper` and `npm ci --ignore-scripts` in `tests/peers`; `cargo xtask ci`
//! does both.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod answers;
mod api;
mod broken;
mod bulk;
mod calls;
mod care;
mod channels;
mod chats;
mod conversation;
mod conversion;
mod crash;
mod demo;
mod disk;
mod doctor;
mod events;
mod examples;
mod groups;
mod history;
mod incidents;
mod kinds;
mod labels;
mod limits;
mod lock;
mod maintenance;
mod messages;
mod monitor;
mod old_app;
mod older;
mod own_session;
mod page;
mod pairing;
mod passkey;
mod picture;
mod profile;
mod proxy;
mod receivers;
mod stars;
mod status;
mod stories;
mod streams;
mod transfer;
mod waha;
mod whatsmeow;
