//! The WhatsApp HTTP gateway.
