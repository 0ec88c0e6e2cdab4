//! The settings that commands use.

pub use wakeeper_configuration::{
    AllSettings, ArchiveSettings, CATALOG, GatewaySettings, KeySettings, Listen, MonitorSettings, Settings,
    Typed,
};
#[cfg(feature = "demo")]
pub use wakeeper_configuration::{DEFAULT_PORT, parse_host};
