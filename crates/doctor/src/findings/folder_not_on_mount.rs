//! The folder is inside the container, not on a volume.
//!
//! Everything in it is lost, or falls back to what the image holds, when the container is created anew: either
//! a QR code, or ratchets that go backwards. Mount a volume at the folder, and copy the folder out of the
//! stopped container (`docker cp`) before it is removed.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("folder_not_on_mount");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    if view.options.on_mount != Some(false) {
        return Vec::new();
    }
    let cure = Repair::Manual("mount a volume at the folder; copy it out with `docker cp` first");
    vec![
        Finding::warning(CODE, ".", "the folder is in the container's own layer, not on a mount")
            .repair(cure),
    ]
}
