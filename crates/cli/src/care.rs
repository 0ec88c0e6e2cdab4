//! Care of a session: examining, mending, backing up and restoring what a gateway keeps on disk.
//!
//! Every operation takes [`Places`], folders of this machine, and [`KnownFacts`], what is known besides the files. Who
//! looks after a container finds both out, stops what runs, calls the same functions, and starts it again. They are
//! synchronous; call them from a blocking task.

pub mod backup;
pub mod clean;
pub mod console;
pub mod container;
pub mod evidence;
pub mod examine;
pub mod health;
pub mod log;
pub mod page;
pub mod places;
pub mod restore;
pub mod target;

pub use console::Console;
pub use places::Places;
pub use target::{Target, TargetFlags};
pub use wakeeper_doctor::KnownFacts;

use std::time::{SystemTime, UNIX_EPOCH};

/// The present time, milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}
