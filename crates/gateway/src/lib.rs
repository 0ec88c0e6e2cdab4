//! The WhatsApp HTTP gateway.

pub mod addresses;
pub mod api;
pub mod clock;
pub mod engine;
pub mod events;
mod gateway;
mod message;
pub mod model;
pub mod webhook;

pub use gateway::{Gateway, GatewayConfig, GatewayError};
