//! Sessions in the store of the whatsapp-rust client: written, read and examined.
//!
//! `wakeeper-doctor` knows the model of a session and is synchronous; the client's store is reached through its own
//! asynchronous traits. This crate stands between them, so that the schema, its migrations and every encoding stay the
//! client's: what it reads later is what its own code could have written. [`sqlite`] is the store that the client is built on.

mod address;
mod backup;
pub mod chains;
mod condition;
mod error;
mod examine;
mod foreign;
pub mod generation;
pub mod move_notes;
mod plan;
mod read;
pub mod recover;
pub mod repair;
mod rows;
mod sender_key;
mod sent;
mod signal;
mod signed;
mod snapshot;
pub mod sound;
pub mod sqlite;
mod text;
mod write;

pub use backup::{Copied, Copying, copy_as_baileys};
pub use condition::{Condition, condition};
pub use error::NativeError;
pub use examine::{Examined, database_in, examine, examine_while_open};
pub use foreign::read_foreign;
pub use plan::RowPlan;
pub use read::{NativeReading, read};
pub use sent::sent_message;
pub use signed::renew_signed_pre_key;
pub use snapshot::Copies;
pub use text::text_message;
pub use write::{Written, write};

/// The client's database of a session, inside the session's folder.
pub const DATABASE: &str = wakeeper_model::ENGINE_DATABASE;

/// Files that SQLite keeps beside a database.
pub const SIDE_FILES: [&str; 2] = ["engine.db-wal", "engine.db-shm"];
