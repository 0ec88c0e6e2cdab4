//! Backups of a store: the database as SQLite itself copies it, in one file of an archive like any other.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::store::connect;
use super::{Store, StoreError, examine, failed, sqlite};
use crate::backup::archive::{self, ArchiveError, MEMBER};
use crate::backup::manifest::{LAYOUT, LeftOut, Manifest, account_mark};
use crate::backup::{BackupError, CreateOptions, Created, Reason, Stock, create_from, place_mark};
use crate::examine::{ExamineError, Options, Report};
use crate::finding::Severity;
use crate::source::{Folder, Limits};

/// What the manifest calls it.
pub const FORMAT: &str = "whatsmeow";
/// Pages that SQLite copies in one step.
const PAGES: i32 = 4096;

/// Backs a store up. The archive counts only once it was read back.
///
/// # Errors
/// When the store cannot be read or copied, or the archive cannot be made.
pub fn create(
    store: &Store,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
    reason: Reason,
) -> Result<Created, BackupError> {
    let examined = |error: StoreError| BackupError::Examine(ExamineError::from(error));
    let report = examine::examine_store(store, None, &Options::at(options.now_ms)).map_err(examined)?;
    let mark = |read: &super::Reading| account_mark(&read.session.credentials.identity.public);
    let devices = store.read_each(0, |read| read.ok().as_ref().map(mark)).map_err(examined)?;
    let account = match devices.as_slice() {
        [Some(only)] => Some(only.clone()),
        _ => None,
    };
    let report = report.into_one();
    let mut manifest = Manifest {
        layout: LAYOUT,
        wakeeper: env!("CARGO_PKG_VERSION").to_owned(),
        created_ms: options.now_ms,
        reason: Some(reason),
        label: how.label.to_owned(),
        format: FORMAT.to_owned(),
        version: None,
        account,
        place: Some(place_mark(options.home.unwrap_or_else(|| store.path()))),
        credentials: report.credentials,
        errors: Some(report.findings.iter().filter(|found| found.severity == Severity::Error).count()),
        next_pre_key_id: None,
        signal_sessions: report.signal_sessions,
        content: String::new(),
        files: Vec::new(),
        left_out: Vec::new(),
    };
    let place = tempfile::tempdir_in(store.scratch())
        .map_err(|error| examined(failed("make a private folder for a copy of", store.path())(error)))?;
    let name = store.file();
    if copy(store, &place.path().join(&name)).map_err(examined)? == Extent::KeysAlone {
        let reason = "the whole database has more than a backup holds; whatsmeow's own tables are in it";
        manifest.left_out.push(LeftOut { name: "other tables".to_owned(), reason: reason.to_owned() });
    }
    let folder = Folder::open(place.path()).map_err(ExamineError::from)?;
    let limits = Limits { file: MEMBER, ..options.limits };
    create_from(&folder, Stock::of_file(name, manifest), &Options { limits, store: None, ..*options }, how)
}

/// How much of a database was copied.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Without the tables of others.
    KeysAlone,
}

fn copy(store: &Store, to: &Path) -> Result<Extent, StoreError> {
    let failed = sqlite("copy", store.path());
    std::fs::File::create_new(to).map_err(super::failed("copy", store.path()))?;
    let mut copy = connect(to).map_err(&failed)?;
    {
        let work = Backup::new(store.connection(), &mut copy).map_err(&failed)?;
        work.run_to_completion(PAGES, std::time::Duration::ZERO, None).map_err(&failed)?;
    }
    // In one file, whichever journal the gateway uses.
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(&failed)?;
    let mut extent = Extent::Whole;
    if size(to) > MEMBER {
        keys_alone(&copy).map_err(&failed)?;
        extent = Extent::KeysAlone;
    }
    copy.close().map_err(|(_, error)| failed(error))?;
    match size(to) {
        size if size <= MEMBER => Ok(extent),
        size => {
            let reason =
                format!("its keys alone have {size} bytes, and a backup holds a file of {MEMBER} bytes");
            Err(super::failed("back up", store.path())(reason))
        }
    }
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(u64::MAX, |metadata| metadata.len())
}

/// Drops the tables of others, in the copy.
fn keys_alone(copy: &Connection) -> rusqlite::Result<()> {
    let foreign = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'whatsmeow\\_%' ESCAPE '\\' \
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'wakeeper_moved'";
    let names: Vec<String> =
        copy.prepare(foreign)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in names {
        copy.execute(&format!("DROP TABLE IF EXISTS \"{}\"", name.replace('"', "\"\"")), [])?;
    }
    copy.execute_batch("VACUUM")
}

/// Examines the store that an archive holds.
///
/// # Errors
/// When the archive is refused, or holds no store that can be read.
pub fn report_of_archive(path: &Path, options: &Options<'_>) -> Result<Report, ExamineError> {
    let scratch = tempfile::tempdir().map_err(failed("make a private folder for a copy of", path))?;
    let limits = Limits { file: MEMBER, ..options.limits };
    let mut store = None;
    archive::read(path, options.passphrase, &limits, |member| {
        if let Some(name) = member.session_file() {
            let to = scratch.path().join(name);
            std::fs::write(&to, member.content).map_err(ArchiveError::Io)?;
            store = Some(to);
        }
        Ok(())
    })
    .map_err(|reason| ExamineError::Archive { path: path.to_owned(), reason })?;
    let Some(store) = store else { return Err(ExamineError::NotASession { path: path.to_owned() }) };
    let report = examine::examine(&store, None, options)?.into_one();
    Ok(Report { path: path.to_owned(), ..report })
}
