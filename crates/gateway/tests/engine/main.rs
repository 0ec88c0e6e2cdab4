//! The engine against the simulator: real sockets, real encryption, everything in one process.
#![cfg(feature = "demo")]

mod durability;
mod faults;
mod talk;
mod world;
