//! The WhatsApp HTTP gateway.

pub mod api;
mod gateway;
pub mod measurements;
pub mod serving;

pub use gateway::{Gateway, GatewayConfig, GatewayError};
