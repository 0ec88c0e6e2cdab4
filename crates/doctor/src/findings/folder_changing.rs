//! Files changed while they were examined.
//!
//! Something is running on the session. That is as it should be for a container that is up; files that looked
//! torn were read once more at the end. To mend anything, the writer must be stopped first.

use super::FolderView;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("folder_changing");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    match view.changed {
        0 => Vec::new(),
        count => {
            let evidence = format!("{count} files changed during the examination: a writer is running");
            vec![Finding::info(CODE, ".", evidence)]
        }
    }
}
