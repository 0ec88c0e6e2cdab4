//! The doctor against folders that real Baileys wrote (`fixtures/make.mjs`).

mod backups;
mod damage;
mod healthy;
mod properties;
mod support;
