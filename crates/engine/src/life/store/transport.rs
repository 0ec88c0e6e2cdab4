//! A connection that sends nothing once the gate is closed: no acknowledgement can rest on what was not stored.

use std::sync::Arc;

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::transport::{Transport, TransportEvent, TransportFactory};
use whatsapp_rust::{anyhow, async_channel, async_trait};

use super::gate::Gate;

/// Makes connections that heed a gate.
pub(crate) struct GatedTransports<F> {
    factory: F,
    gate: Gate,
}

impl<F> GatedTransports<F> {
    pub(crate) fn new(factory: F, gate: Gate) -> Self {
        Self { factory, gate }
    }
}

#[async_trait]
impl<F: TransportFactory> TransportFactory for GatedTransports<F> {
    async fn create_transport(
        &self,
    ) -> Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>), anyhow::Error> {
        heed(&self.gate)?;
        let (inner, events) = self.factory.create_transport().await?;
        // The server hears at once that nobody reads any more; it keeps what was not acknowledged.
        let (gate, cut) = (self.gate.clone(), Arc::downgrade(&inner));
        tokio::spawn(async move {
            gate.closed().await;
            if let Some(transport) = cut.upgrade() {
                transport.disconnect().await;
            }
        });
        Ok((Arc::new(Gated { inner, gate: self.gate.clone() }), events))
    }
}

struct Gated {
    inner: Arc<dyn Transport>,
    gate: Gate,
}

#[async_trait]
impl Transport for Gated {
    async fn send(&self, data: Bytes) -> Result<(), anyhow::Error> {
        heed(&self.gate)?;
        self.inner.send(data).await
    }

    async fn disconnect(&self) {
        self.inner.disconnect().await;
    }

    fn resource_report(&self) -> Option<whatsapp_rust::wacore::stats::TransportResourceReport> {
        self.inner.resource_report()
    }
}

fn heed(gate: &Gate) -> Result<(), anyhow::Error> {
    match gate.closed_by() {
        Some(closed) => Err(anyhow::anyhow!("{closed}")),
        None => Ok(()),
    }
}
