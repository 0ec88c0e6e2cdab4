//! The WhatsApp HTTP gateway.

pub mod model;
