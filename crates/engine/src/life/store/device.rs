//! The device: the login itself.
//! Every method only passes through the gate: see [`super`].

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::DeviceStore;

use super::EngineStore;

#[async_trait]
impl DeviceStore for EngineStore {
    async fn save(&self, device: &Device) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().save(device).await;
        writing.ended(result)
    }

    async fn load(&self) -> Result<Option<Device>> {
        let writing = self.writing()?;
        let result = writing.store().load().await;
        writing.ended(result)
    }

    async fn exists(&self) -> Result<bool> {
        let reading = self.reading()?;
        let result = reading.store().exists().await;
        reading.ended(result)
    }

    async fn create(&self) -> Result<i32> {
        let writing = self.writing()?;
        let result = writing.store().create().await;
        writing.ended(result)
    }

    async fn snapshot_db(&self, name: &str, extra_content: Option<&[u8]>) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().snapshot_db(name, extra_content).await;
        writing.ended(result)
    }

    async fn resource_report(&self) -> StorageResourceReport {
        match self.reading() {
            Ok(reading) => reading.store().resource_report().await,
            Err(_) => StorageResourceReport::default(),
        }
    }
}
