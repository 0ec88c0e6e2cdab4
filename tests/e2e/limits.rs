//! What strangers and careless callers may cost: memory, descriptors, other callers' requests.

mod bodies;
mod connections;
mod files;
mod labels;

use wakeeper_e2e::gateway::Gateway;
use wakeeper_e2e::{Addressing, Lab, Webhooks};

const MEGABYTE: u64 = 1 << 20;

/// A gateway that is not linked, with these settings.
async fn gateway(settings: &[(&'static str, &str)]) -> (Lab, Webhooks, Gateway) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    for (name, value) in settings {
        gateway.set(name, *value);
    }
    gateway.start().await;
    gateway.qr().await;
    (lab, webhooks, gateway)
}
