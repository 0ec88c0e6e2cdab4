use serde::Serialize;
use serde_json::Value;

/// What the `environment` of every webhook body says.
#[derive(Debug, Clone, Serialize)]
pub struct Environment {
    /// wakeeper's version.
    pub version: String,
    /// The engine's name, `WHATSAPP-RUST`.
    pub engine: String,
    /// WAHA's edition; everything wakeeper has is in the one there is, `CORE`.
    pub tier: String,
    /// The browser an engine runs in; wakeeper needs none.
    pub browser: Option<String>,
    /// Operating system and architecture.
    pub platform: String,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "WHATSAPP-RUST".to_owned(),
            tier: "CORE".to_owned(),
            browser: None,
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// WAHA's webhook body, its fields in WAHA's order.
#[derive(Serialize)]
pub(super) struct Envelope<'a> {
    pub id: &'a str,
    pub timestamp: i64,
    pub event: &'a str,
    pub session: &'a str,
    pub metadata: &'a Value,
    pub me: &'a Value,
    pub payload: &'a Value,
    pub engine: &'a str,
    pub environment: &'a Environment,
}
