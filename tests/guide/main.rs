//! The session guide, command by command, on a real Docker engine. `cargo xtask ci` starts one, and so does
//! `cargo xtask docker cargo nextest run --workspace --features wakeeper/demo -E 'binary(guide)'`.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod checkout;
mod commands;
mod compose;
mod container;
mod wrong;
