//! The session guide, command by command, on a real Docker engine. `cargo xtask ci` starts one, and so does
//! `cargo xtask docker cargo nextest run --workspace --features wakeeper/demo -E 'binary(guide)'`.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod build;
mod checkout;
mod commands;
mod compose;
mod confined;
mod container;
// Shared with the tests of the monitor.
#[path = "../monitor/damage.rs"]
mod damage;
mod damaged;
mod disk;
mod images;
mod monitored;
mod own;
mod passed;
mod places;
mod planted;
mod said;
mod settings;
mod startup;
mod wrong;
