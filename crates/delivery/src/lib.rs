//! From payloads to receivers: events are stored with the messages they tell of, and delivered at least once, in order.

pub mod addresses;
pub mod events;
pub mod webhook;
