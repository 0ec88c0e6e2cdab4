//! All files of a folder, on as many threads as there are processors.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Options, examine_file};
use crate::backup::Reached;
use crate::backup::kin::Kin;
use crate::backup::manifest::account_mark;
use crate::clean::copies;
use crate::finding::Severity;
use crate::formats::baileys::name::{CREDENTIALS, Name};
use crate::inventory::{FileReport, Inventory, Near};
use crate::repair::constraint;
use crate::source::{Entry, EntryKind, Folder, Limits, ReadError, SourceError};

/// So many files that Baileys never writes are reported one by one; more are counted.
const UNKNOWN: usize = 1000;
/// Progress is told every so many files.
const STEP: usize = 256;

/// What lies near a folder that has no login, and may be the one that it had.
pub(super) fn near(folder: &Folder, inventory: &Inventory, options: &Options<'_>) -> Near {
    let left = folder.read(CREDENTIALS, &options.limits).unwrap_or_default();
    let known = constraint(&left, inventory);
    // Backups of another account have the same name, and give nothing back here.
    let is_own = |reached: &Reached| match &known.identity {
        Some(identity) => reached.of_login(&account_mark(identity)).is_some(),
        None => true,
    };
    let is_in_backups = options.reached.is_some_and(is_own);
    Near { is_in_backups, ..copies::near(folder, &known, &Kin::of(folder, options)) }
}

/// Reads the folder; the number is of files that changed meanwhile.
pub(super) fn read(folder: &Folder, options: &Options<'_>) -> Result<(Inventory, usize), SourceError> {
    let mut unknown = 0;
    let (entries, passed_over) = folder.list_some(&options.limits, |name| {
        unknown += usize::from(Name::parse(name) == Name::Unknown);
        unknown <= UNKNOWN || Name::parse(name) != Name::Unknown
    })?;
    bounded(folder, &entries, &options.limits)?;
    let total = entries.len();
    let next = AtomicUsize::new(0);
    let changed = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let work = || {
        let mut reports = Vec::with_capacity(total / workers);
        loop {
            let start = next.fetch_add(STEP, Ordering::Relaxed);
            if start >= total {
                return reports;
            }
            let batch = &entries[start..total.min(start + STEP)];
            reports.extend(batch.iter().filter_map(|entry| one(folder, entry, options, &changed)));
            if let Some(progress) = options.progress {
                progress(total.min(start + STEP), total);
            }
        }
    };
    let mut inventory = Inventory { passed_over, ..Inventory::default() };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        for report in work() {
            inventory.files.insert(report.entry.name.clone(), report);
        }
        for helper in helpers {
            match helper.join() {
                Ok(reports) => {
                    inventory.files.extend(reports.into_iter().map(|r| (r.entry.name.clone(), r)));
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    read_torn_again(folder, options, &mut inventory, &changed);
    Ok((inventory, changed.into_inner()))
}

/// Refuses what no session is. Files that are too large alone are not read.
fn bounded(folder: &Folder, entries: &[Entry], limits: &Limits) -> Result<(), SourceError> {
    let read = entries.iter().filter(|entry| entry.kind == EntryKind::File && entry.len <= limits.file);
    let bytes: u64 = read.filter(|entry| Name::parse(&entry.name).is_baileys()).map(|entry| entry.len).sum();
    if bytes > limits.total {
        return Err(SourceError::TooMuch { path: folder.path().to_owned(), bytes, limit: limits.total });
    }
    Ok(())
}

/// `None` when the file vanished since it was listed.
fn one(folder: &Folder, entry: &Entry, options: &Options<'_>, changed: &AtomicUsize) -> Option<FileReport> {
    if entry.kind != EntryKind::File || !Name::parse(&entry.name).is_baileys() {
        return Some(examine_file(entry.clone(), Err(&ReadError::NotRegular)));
    }
    let content = folder.read(&entry.name, &options.limits);
    if matches!(content, Err(ReadError::Missing)) {
        changed.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    Some(examine_file(entry.clone(), content.as_deref()))
}

/// A writer may have been in the middle of those files that looked torn: what changed since is judged anew.
fn read_torn_again(folder: &Folder, options: &Options<'_>, inventory: &mut Inventory, changed: &AtomicUsize) {
    let is_torn =
        |file: &&FileReport| file.findings.iter().any(|finding| finding.severity == Severity::Error);
    let torn: Vec<Entry> = inventory.files.values().filter(is_torn).map(|file| file.entry.clone()).collect();
    for before in torn {
        match folder.entry(&before.name) {
            Ok(now) if now == before => {}
            Ok(now) => {
                changed.fetch_add(1, Ordering::Relaxed);
                if let Some(report) = one(folder, &now, options, changed) {
                    inventory.files.insert(now.name, report);
                }
            }
            Err(_) => {
                changed.fetch_add(1, Ordering::Relaxed);
                inventory.files.remove(&before.name);
            }
        }
    }
}
