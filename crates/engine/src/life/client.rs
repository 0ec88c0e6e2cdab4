//! Building a whatsapp-rust client for a session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use whatsapp_rust::CacheConfig;
use whatsapp_rust::bot::Bot;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;

use crate::inbound::inbox::{Doorkeeper, Inbox};
use crate::life::client_events::Listener;
use crate::life::repairing_store::{RepairContext, RepairingStore};
use crate::life::state::SessionState;
use crate::life::store::{Closed, EngineStore, GatedTransports};
use crate::life::tasks::ClientTasks;
use crate::life::transport::Dialer;
use crate::life::transport::proxy::Proxy;
use crate::media::requests::RequestClient;
use crate::{EngineError, WatchTimes};

/// The version claimed to a simulator, which does not serve WhatsApp's version file.
#[cfg(feature = "demo")]
const DEMO_VERSION: (u32, u32, u32) = (2, 3000, 1_030_000_000);

/// Where and as what clients connect.
#[derive(Clone, Debug)]
pub(crate) struct ClientSetup {
    /// The server, when it is not WhatsApp's own.
    pub websocket_url: Option<String>,
    /// The version to claim, when it is not the newest.
    pub version: Option<(u32, u32, u32)>,
    /// How soon a server that went deaf is noticed.
    pub watch: WatchTimes,
}

/// How long the client keeps what it sent, for devices that ask for it once more. Its own default is two hours; a phone that
/// was off over night asks later.
pub(crate) const KEEP_SENT: Duration = Duration::from_hours(24);

/// A client ready to run.
pub(crate) async fn build(
    setup: &ClientSetup,
    state: &SessionState,
    store: Arc<EngineStore>,
    inbox: Inbox,
    listener: Listener,
    tasks: ClientTasks,
    folder: &Path,
) -> Result<Bot, EngineError> {
    let shown = state.config().client.unwrap_or_default();
    let device = DevicePropsOverride::new()
        .with_os(shown.device_name.unwrap_or_else(|| "wakeeper".to_owned()))
        .with_platform_type(platform(shown.browser_name.as_deref()));
    let context = RepairContext {
        session: state.name().clone(),
        folder: folder.to_owned(),
        clock: state.clock().clone(),
        missing: Arc::clone(state.missing_pre_key()),
        chains: Arc::clone(state.chains()),
        incidents: state.incidents().clone(),
    };
    let proxy = Proxy::of_session(state)?;
    let requests = requests(proxy.as_ref()).map_err(|error| EngineError::Requests {
        session: state.name().clone(),
        reason: error.to_string(),
    })?;
    let transport = Dialer::new(setup.websocket_url.clone(), proxy, Arc::clone(state.line()));
    let gate = store.gate().clone();
    let mut builder = Bot::builder()
        .with_backend_arc(RepairingStore::over(Arc::clone(&store) as _, context))
        .with_transport_factory(GatedTransports::new(transport, gate.clone()))
        .with_runtime(tasks)
        .with_device_props(device)
        .with_inbound_durability_hook(Doorkeeper { inbox, gate })
        .with_event_handler(listener)
        .with_cache_config(CacheConfig {
            sent_message_ttl_secs: KEEP_SENT.as_secs(),
            ..CacheConfig::default()
        });
    if let Some(requests) = requests {
        builder = builder.with_http_client(requests);
    }
    if let Some(version) = version(setup) {
        builder = builder.with_version(version);
    }
    builder.build().await.map_err(|error| match store.gate().closed_by().as_ref().and_then(Closed::trouble) {
        Some(trouble) => EngineError::Disk { trouble: Arc::clone(trouble) },
        None => EngineError::EngineDatabase { session: state.name().clone(), reason: error.to_string() },
    })
}

/// What replaces the client's own way over HTTP: in demo builds always, else for a proxy.
fn requests(proxy: Option<&Proxy>) -> reqwest::Result<Option<RequestClient>> {
    if cfg!(feature = "demo") || proxy.is_some() { RequestClient::new(proxy).map(Some) } else { Ok(None) }
}

#[cfg(feature = "demo")]
fn version(setup: &ClientSetup) -> Option<(u32, u32, u32)> {
    setup.version.or(Some(DEMO_VERSION))
}

#[cfg(not(feature = "demo"))]
fn version(setup: &ClientSetup) -> Option<(u32, u32, u32)> {
    setup.version
}

fn platform(browser: Option<&str>) -> PlatformType {
    match browser.map(str::to_ascii_lowercase).as_deref() {
        Some("firefox") => PlatformType::FIREFOX,
        Some("safari") => PlatformType::SAFARI,
        Some("edge") => PlatformType::EDGE,
        Some("opera") => PlatformType::OPERA,
        Some("desktop") => PlatformType::DESKTOP,
        _ => PlatformType::CHROME,
    }
}
