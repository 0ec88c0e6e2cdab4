//! Baileys' folder, read whole and written.

mod address;
mod read;
mod read_files;
mod write;
mod write_files;

pub use read::{LeftOut, Reading, read, read_folder};
pub use write::{file_names, write};
