//! An open store: a private copy of it, and what SQLite tells of that.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::copy::{self, PrivateCopy, Seen};
use super::login::{self, Device};
use super::moved::{self, Moved};
use super::{SCHEMA, StoreError, schema, sqlite};

/// Bytes of one value.
const LONGEST_VALUE: i32 = 32 << 20;
/// Rows of one table that are read for one device.
pub(super) const ROWS: usize = 200_000;
/// Instructions of SQLite's machine, for all that is done with one store. Ten million rows of other tables take a third.
const STEPS: u64 = 1_000_000_000;
/// How often they are counted.
const COUNTED: i32 = 1000;
/// Devices of a store.
const DEVICES: usize = 10_000;

/// A store, copied and open. Nothing is ever written to the original through it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    copy: PrivateCopy,
    connection: Connection,
    /// Bytes that may still be read for this device.
    room: Cell<u64>,
}

impl Store {
    /// Copies and opens a store.
    ///
    /// # Errors
    /// When it cannot be copied, is damaged, or was written by a whatsmeow that is not known here.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let copy = copy::take(path)?;
        let connection = connect(&copy.database()).map_err(sqlite("open", path))?;
        let store = Self { path: path.to_owned(), copy, connection, room: Cell::new(0) };
        store.begin_device();
        store.check()?;
        Ok(store)
    }

    /// Where the original is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name in its folder.
    #[must_use]
    pub fn file(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.copy.seen
    }

    pub(super) fn scratch(&self) -> &Path {
        self.copy.folder()
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn check(&self) -> Result<(), StoreError> {
        let failed = sqlite("read", &self.path);
        // First what would run when the rest is looked at.
        if let Some(reason) = schema::foreign(&self.connection).map_err(&failed)? {
            return Err(StoreError::Damaged { path: self.path.clone(), reason });
        }
        if let Some(found) = schema::damage(&self.connection).map_err(&failed)? {
            let reason = format!("SQLite says: {found}");
            return Err(StoreError::Damaged { path: self.path.clone(), reason });
        }
        if !self.has_table("whatsmeow_device")? {
            let reason = "its table whatsmeow_device is missing".to_owned();
            return Err(StoreError::Damaged { path: self.path.clone(), reason });
        }
        if self.has_table("whatsmeow_version")? && self.has_column("whatsmeow_version", "compat")? {
            let versions = "SELECT version, coalesce(compat, version) FROM whatsmeow_version LIMIT 1";
            let mut read = self.connection.prepare(versions).map_err(&failed)?;
            let mut rows = read.query([]).map_err(&failed)?;
            if let Some(row) = rows.next().map_err(&failed)? {
                let (schema, needs): (i64, i64) =
                    (row.get(0).map_err(&failed)?, row.get(1).map_err(&failed)?);
                if needs > SCHEMA {
                    return Err(StoreError::Newer { path: self.path.clone(), schema, needs });
                }
            }
        }
        Ok(())
    }

    /// The devices that are linked, by their JIDs.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.begin_device();
        let lid = if self.has_column("whatsmeow_device", "lid")? { "lid" } else { "NULL" };
        let sql = format!("SELECT {} FROM whatsmeow_device ORDER BY jid", login::columns(lid));
        let mut devices = Vec::new();
        self.each(&sql, &[], DEVICES, |row| {
            devices.extend(login::read(row));
            Ok(())
        })?;
        Ok(devices)
    }

    /// The JIDs of the devices that are linked.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn jids(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.devices()?.into_iter().map(|device| device.jid).collect())
    }

    /// The device that is meant: by its JID or its phone number, or the only one there is.
    ///
    /// # Errors
    /// When there is none, or it is not clear which.
    pub(super) fn device(&self, named: Option<&str>) -> Result<Device, StoreError> {
        let path = || self.path.clone();
        let mut devices = self.devices()?;
        let known = || devices.iter().map(|device| device.jid.clone()).collect::<Vec<_>>();
        let at = match named {
            Some(name) => {
                let name = name.trim().trim_start_matches('+');
                let is_it = |device: &Device| device.jid == name || device.number() == name;
                let found: Vec<usize> = (0..devices.len()).filter(|at| is_it(&devices[*at])).collect();
                match (found.as_slice(), self.moved()?.into_iter().find(|moved| moved.device == name)) {
                    ([at], _) => *at,
                    ([], Some(Moved { device, to, .. })) => {
                        return Err(StoreError::Moved { path: path(), device, to });
                    }
                    ([], None) if devices.is_empty() => return Err(StoreError::NoDevice { path: path() }),
                    ([], None) => {
                        let device = name.to_owned();
                        return Err(StoreError::Unknown { path: path(), device, known: known() });
                    }
                    _ => return Err(StoreError::Several { path: path(), known: known() }),
                }
            }
            None => match (devices.len(), self.moved()?.pop()) {
                (1, _) => 0,
                (0, Some(Moved { device, to, .. })) => {
                    return Err(StoreError::Moved { path: path(), device, to });
                }
                (0, None) => return Err(StoreError::NoDevice { path: path() }),
                _ => return Err(StoreError::Several { path: path(), known: known() }),
            },
        };
        Ok(devices.swap_remove(at))
    }

    /// The devices that were moved out of the store.
    ///
    /// # Errors
    /// When the note of them cannot be read.
    pub fn moved(&self) -> Result<Vec<Moved>, StoreError> {
        moved::read(self)
    }

    /// Whether there is a table of that name.
    pub(super) fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND rootpage > 0";
        let count = self.connection.query_row(sql, [name], |row| row.get::<_, i64>(0));
        Ok(count.map_err(sqlite("read", &self.path))? > 0)
    }

    /// Whether a table has a column of that name.
    pub(super) fn has_column(&self, table: &str, column: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
        let count = self.connection.query_row(sql, [table, column], |row| row.get::<_, i64>(0));
        Ok(count.map_err(sqlite("read", &self.path))? > 0)
    }

    /// Begins to count anew how much is read. A file holds each value once, in at least two thirds of the bytes that are read.
    pub(super) fn begin_device(&self) {
        self.room.set(self.copy.seen.bytes().saturating_mul(2));
    }

    /// Goes through rows, up to a number of them and to what the file can hold; more are an error.
    pub(super) fn each(
        &self,
        sql: &str,
        parameters: &[&str],
        most: usize,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let failed = sqlite("read", &self.path);
        let mut statement = self.connection.prepare(sql).map_err(&failed)?;
        let width = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(parameters)).map_err(&failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(&failed)? {
            count += 1;
            if count > most {
                let reason = format!("a table of it has more than {most} rows for one device");
                return Err(StoreError::Damaged { path: self.path.clone(), reason });
            }
            let Some(room) = self.room.get().checked_sub(bytes_of(row, width).map_err(&failed)?) else {
                let reason = "more comes out of its tables than the file can hold".to_owned();
                return Err(StoreError::Damaged { path: self.path.clone(), reason });
            };
            self.room.set(room);
            each(row).map_err(&failed)?;
        }
        Ok(())
    }
}

/// Bytes of the texts and blobs of a row.
fn bytes_of(row: &Row<'_>, width: usize) -> rusqlite::Result<u64> {
    let lengths = (0..width).map(|at| match row.get_ref(at)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(bytes.len() as u64),
        _ => Ok(0),
    });
    lengths.sum()
}

/// Opens a database whose schema a stranger may have written: nothing in it is run, and reading it has an end.
pub(super) fn connect(database: &Path) -> rusqlite::Result<Connection> {
    connect_for(database, STEPS)
}

fn connect_for(database: &Path, steps: u64) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // No part of the path may be a link.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let connection = Connection::open_with_flags(database, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    let mut left = steps / u64::from(COUNTED.unsigned_abs());
    let is_enough = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    connection.progress_handler(COUNTED, Some(is_enough))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_without_end_is_ended_and_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::write(&path, b"").unwrap();
        let connection = connect_for(&path, 1_000_000).unwrap();
        let endless =
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        for _ in 0..2 {
            let error = connection.query_row(endless, [], |row| row.get::<_, i64>(0)).unwrap_err();
            let error = sqlite("read", &path)(error);
            assert!(matches!(&error, StoreError::Damaged { .. }), "{error}");
        }
    }
}
