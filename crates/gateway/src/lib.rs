//! The WhatsApp HTTP gateway.

pub mod api;
pub mod engine;
mod gateway;
mod message;
pub mod model;
pub mod pace;
pub mod serving;
pub mod spool;

pub use gateway::{Gateway, GatewayConfig, GatewayError};
