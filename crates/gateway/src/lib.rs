//! The WhatsApp HTTP gateway.

pub mod api;
mod gateway;
mod incidents;
pub mod measurements;
pub mod serving;

pub use gateway::{Gateway, GatewayConfig, GatewayError};
pub use incidents::IncidentConfig;
pub use wakeeper_engine::KeepLimits;
