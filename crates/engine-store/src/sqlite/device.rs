//! The device: the login itself, and what concerns the file as a whole.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::DeviceStore;
use whatsapp_rust::wacore::time;

use super::device_row::{self, DeviceRow};
use super::statement::first;
use super::{DEVICE, SqliteBackend};

/// A name for a copy is cut after so many characters.
const LONGEST_NAME: usize = 100;

#[async_trait]
impl DeviceStore for SqliteBackend {
    async fn save(&self, device: &Device) -> Result<()> {
        let row = DeviceRow::of(device);
        self.write("store the login", move |connection| device_row::put(connection, &row)).await
    }

    async fn load(&self) -> Result<Option<Device>> {
        let found = self.read("read the login", device_row::get).await?;
        found.map(DeviceRow::into_device).transpose()
    }

    async fn exists(&self) -> Result<bool> {
        self.read("look for a login", |connection| {
            let sql = "SELECT 1 FROM device WHERE id = ?1";
            Ok(first(connection, sql, [DEVICE], |_| Ok(()))?.is_some())
        })
        .await
    }

    async fn create(&self) -> Result<i32> {
        let row = DeviceRow::of(&Device::new());
        self.write("make a login", move |connection| device_row::insert(connection, &row)).await?;
        Ok(DEVICE)
    }

    async fn snapshot_db(&self, name: &str, extra_content: Option<&[u8]>) -> Result<()> {
        let copy = copy_path(&self.path, name, time::now_secs())?;
        let to = copy.to_string_lossy().into_owned();
        // Made first, and for us alone: it holds a login.
        private(&copy)?;
        // Outside of a transaction, as everything that reads: SQLite refuses it inside of one.
        self.read("copy itself", move |connection| connection.execute("VACUUM INTO ?1", [&to]).map(drop))
            .await?;
        if let Some(content) = extra_content {
            private(Path::new(&format!("{}.json", copy.display())))?.write_all(content)?;
        }
        Ok(())
    }

    async fn resource_report(&self) -> StorageResourceReport {
        let pages = self.read("measure itself", |connection| {
            Ok((pragma(connection, "page_size")?, pragma(connection, "page_count")?, cache(connection)?))
        });
        // Who asks for it waits as for every other call; what cannot be measured is not told.
        let Ok((page_size, pages, cache)) = pages.await else { return StorageResourceReport::default() };
        StorageResourceReport {
            // No more pages are kept than there are, and than is allowed.
            memory_bytes: Some(cache.min(pages.saturating_mul(page_size))),
            pages: Some(pages),
            ..StorageResourceReport::default()
        }
    }
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(|value| value.max(0) as u64)
}

/// Memory for pages; SQLite tells it in KiB, below zero.
fn cache(connection: &Connection) -> rusqlite::Result<u64> {
    let cache = connection.pragma_query_value(None, "cache_size", |row| row.get::<_, i64>(0))?;
    Ok(cache.unsigned_abs().saturating_mul(1024))
}

fn private(path: &Path) -> std::io::Result<std::fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Where a copy goes: beside the database, under a name that leads nowhere else.
fn copy_path(database: &Path, name: &str, now_s: i64) -> Result<PathBuf> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    let name: String = name.chars().take(LONGEST_NAME).map(plain).collect();
    let name = name.split('.').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    if name.is_empty() {
        return Err(StoreError::InvalidConfig("a copy of the database needs a name".to_owned()));
    }
    let mut path = database.as_os_str().to_owned();
    path.push(format!(".snapshot-{now_s}-{name}"));
    Ok(path.into())
}
