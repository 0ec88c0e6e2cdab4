//! The doctor against folders that real Baileys wrote (`fixtures/make.mjs`).

mod damage;
mod healthy;
mod support;
