//! Folders that nothing leads out of.
//!
//! A folder that another program can write to is data of an enemy: it may hold symbolic links, pipes, devices, hard
//! links to files of others, and mount points, and all of them can be swapped between a check and a use. So a
//! [`Folder`] is opened once. Whatever follows goes through its handle, and the kernel checks every component
//! (`openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS`, `RESOLVE_NO_MAGICLINKS` and `RESOLVE_NO_XDEV`).
//!
//! Where this process is root, a folder can be used with the rights of somebody else, such as a container's user
//! ([`Rights`]), so that the kernel refuses what that one could not do either.
//!
//! A kernel without `openat2` (before Linux 5.6) is refused with [`FsError::OldKernel`]; there is no weaker way. What is
//! in a container is then copied through its engine.

mod error;
mod folder;
mod held;
mod lock;
mod own;
mod private;
mod rights;
mod source;
mod write;

pub use error::FsError;
pub use folder::{Entered, Folder, Trust, Wanted};
pub use held::shown;
pub use lock::{Locking, lock_directory, lock_existing, lock_own};
pub use own::{Writing, beneath, open_directory, open_own, open_own_to_lock, probe};
pub use private::{create_private_folders, own_folder, read_own, write_own};
pub use rights::{Rights, Worn};
pub use source::{FileId, Source, is_below, open_source};
