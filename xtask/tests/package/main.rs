//! `cargo xtask package` on a program that is at hand: the test's own. What people install is what comes out.
// Helpers of tests are not marked as tests themselves.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod archive;
mod deb;
mod made;
