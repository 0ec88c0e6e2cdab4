//! The life of a session: its actor, connections, reconnects, ownership and what is known of its state.

pub(crate) mod account;
pub(crate) mod actor;
pub(crate) mod backoff;
pub(crate) mod backups;
pub(crate) mod chains;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod credentials;
pub(crate) mod endpoint;
pub(crate) mod generation;
pub(crate) mod health;
pub(crate) mod line;
pub(crate) mod lock;
pub(crate) mod mending;
pub(crate) mod qr;
pub(crate) mod recovery;
pub(crate) mod registry;
pub(crate) mod server_witness;
pub(crate) mod signals;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod tasks;
pub(crate) mod transport;
pub(crate) mod trouble;
pub(crate) mod upkeep;
pub(crate) mod watch;
