//! The folder or archive holds sessions, and is none itself.
//!
//! It is the folder above: of one session, such as the parent of `auth_info`, or of many, such as `sessions/`, WAHA's
//! `.sessions/noweb` or Evolution's `instances`. Nothing in them was checked. Name one of them, or let the command work
//! on all of them, one after the other, with `--all-sessions`. An archive with more than one session has to be unpacked first.

use crate::finding::{Code, Finding, Repair};
use crate::layout::Layout;

pub(crate) const CODE: Code = Code("sessions_inside");

/// So many are named.
const NAMED: usize = 5;

pub(crate) fn detect(layout: &Layout) -> Option<Finding> {
    let Layout::Sessions(found) = layout else { return None };
    let names: Vec<_> = found.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    let (evidence, what) = match names.as_slice() {
        [one] if found.len() == 1 => {
            (format!("the session is in {one}, below this folder"), "name the session's own folder")
        }
        names => {
            let more = if found.len() > NAMED { ", ..." } else { "" };
            let names = names.join(", ");
            (
                format!("it holds {} sessions, and is none itself: {names}{more}", found.len()),
                "name one of them, or work on all of them with --all-sessions",
            )
        }
    };
    Some(Finding::error(CODE, ".", evidence).repair(Repair::Manual(what)))
}

/// The same of an archive that somebody made of several sessions.
pub(crate) fn detect_packed(folders: &[String]) -> Option<Finding> {
    if folders.len() < 2 {
        return None;
    }
    let top = "the archive's top folder";
    let names =
        folders.iter().take(NAMED).map(|folder| if folder.is_empty() { top } else { folder.as_str() });
    let names: Vec<_> = names.collect();
    let more = if folders.len() > NAMED { ", ..." } else { "" };
    let evidence =
        format!("it holds {} sessions, and none was checked: {}{more}", folders.len(), names.join(", "));
    let what = "unpack it, and name the folder of one session";
    Some(Finding::error(CODE, ".", evidence).repair(Repair::Manual(what)))
}
