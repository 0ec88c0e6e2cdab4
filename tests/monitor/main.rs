//! `wakeeper monitor` on a real Docker engine: a Baileys gateway in a container is paired, talks, and is damaged while
//! it runs. The monitor notices, repairs and verifies; the login survives, and no message is lost.

// Tests say what is wrong by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod damage;
mod faults;
mod monitored_gateway;
mod table;
mod watching;
