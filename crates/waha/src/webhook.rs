//! The body of a webhook: one event, with the session that it happened in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wakeeper_model::SessionName;

use super::event::EventName;
use super::session::Me;

/// The name of the WhatsApp client inside.
pub(crate) const ENGINE: &str = "WHATSAPP-RUST";

/// What a receiver is sent. WAHA's webhook body, with `P` as the payload of its event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookBody<P> {
    /// The event's id; the same in every attempt and after a replay.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// The event's name.
    pub event: EventName,
    /// The session it happened in.
    #[schema(value_type = String)]
    pub session: SessionName,
    /// The session's `metadata`, as its settings have it.
    #[schema(value_type = Object)]
    pub metadata: BTreeMap<String, Value>,
    /// The account, once linked.
    pub me: Option<Me>,
    /// What happened.
    pub payload: P,
    /// The WhatsApp client inside.
    #[schema(example = "WHATSAPP-RUST")]
    pub engine: String,
    /// The gateway.
    pub environment: Environment,
}

/// What the `environment` of every webhook body says (WAHA's `WAHAEnvironment`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WAHAEnvironment)]
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
    /// The machine that it runs on.
    #[serde(default)]
    pub worker: Worker,
}

/// The machine that a gateway runs on (WAHA's `worker`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// Its name; `null` where it is not known.
    pub id: Option<String>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: ENGINE.to_owned(),
            tier: "CORE".to_owned(),
            browser: None,
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            worker: Worker::default(),
        }
    }
}
