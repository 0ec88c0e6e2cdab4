//! The engine against the simulator: real sockets, real encryption, everything in one process.
#![cfg(feature = "demo")]
// Clippy lets tests unwrap; in the helpers beside them it has to be told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod care;
mod commits;
mod descriptors;
mod durability;
mod faults;
mod keys;
mod order;
mod owners;
mod pace;
mod status;
mod talk;
mod world;
