//! The WhatsApp HTTP gateway.

pub mod addresses;
pub mod api;
pub mod engine;
pub mod events;
mod gateway;
mod message;
pub mod model;
pub mod pace;
pub mod serving;
pub mod spool;
pub mod webhook;

pub use gateway::{Gateway, GatewayConfig, GatewayError};
