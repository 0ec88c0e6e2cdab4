//! The machine that this gateway runs on: WAHA's "worker".

use std::sync::OnceLock;

use wakeeper_waha::Worker;

/// Where the kernel says its name; in a container, the container's.
const NAME: &str = "/proc/sys/kernel/hostname";

/// Its name, as it was when it was asked for first.
pub(super) fn name() -> Option<String> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    READ.get_or_init(|| {
        let name = std::fs::read_to_string(NAME).ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    })
    .clone()
}

/// As WAHA tells it.
pub(super) fn worker() -> Worker {
    Worker { id: name() }
}
