//! Folders of sessions, for programs that work on one while no gateway has it open.

pub use crate::life::lock::{FOLDER_LOCK, Hold, Lock, LockError, SESSION_LOCK};
pub use crate::life::recovery::{backups_of, on_disk};
pub use crate::life::registry::remove_folder;
pub use crate::life::repaired_note::note_repaired;

/// Where a session lies, and how its login is moved aside.
pub mod credentials {
    pub use crate::life::credentials::{create_folder, folder, move_aside, set_aside_as};
}

/// Whether what lies there is what ran last.
pub mod generation {
    pub use crate::life::generation::{
        Begun, Doubt, NOTE, Note, Places, Run, Told, begin_linked, changed, doubts, forget, sentence,
    };
}
