//! WAHA's requests, answers and events as types: how they are written, what of them is never shown. No I/O.

mod config;
mod event;
mod kept_secrets;
mod secret;
mod session;

pub use config::{
    ClientConfig, CustomHeader, HmacConfig, IgnoreConfig, ProxyConfig, RetriesConfig, RetryPolicy,
    SessionConfig, WebhookConfig,
};
pub use event::{EventName, EventNameError};
pub use kept_secrets::NoStoredSecret;
pub use secret::{PLACEHOLDER, Secret};
pub use session::{Me, SessionInfo, SessionStatus, StatusChange, Timestamps};
