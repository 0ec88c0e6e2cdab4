//! From payloads to receivers: events are stored with the messages they tell of, and delivered at least once, in order; and alerts
//! of incidents.

pub mod addresses;
pub mod alerts;
pub mod events;
pub mod streams;
pub mod webhook;
