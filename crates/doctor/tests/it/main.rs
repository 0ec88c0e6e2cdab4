//! The doctor against folders that real Baileys wrote (`fixtures/make.mjs`).

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backups;
mod cases;
mod confined;
mod copies;
mod damage;
mod giveback;
mod groups;
mod healthy;
mod judge;
mod layout;
mod logins;
mod logs;
mod near;
mod pre_keys;
mod properties;
mod releases;
mod rollback;
mod said;
mod shared_shelf;
mod support;
mod transfer;
mod whatsmeow;
#[path = "../../../../tests/src/whatsmeow_store.rs"]
mod whatsmeow_store;
