//! Reads a tar stream that anybody may have written: a backup that was handed in, or what a container's folder holds.
//!
//! The `tar` crate decodes single headers here and nothing more. Its own reader takes a long name or a set of PAX records
//! into memory whole, however long the stream says that they are, and knows no bound on anything else. This one checks
//! every length before it reads or keeps a byte: the name, the records, one entry, the number of entries, and the sum.
//! What it holds at one time is one header, one name and one set of records.
//!
//! Sources: POSIX.1-2017 `pax` (ustar and pax formats), and the GNU tar manual, "Basic Tar Format".

mod bounds;
mod pax;
mod quoted;
mod reader;
mod shown;

pub use bounds::{Bounds, TarError};
pub use quoted::quoted;
pub use reader::{Entry, Kind, Reader};
pub use shown::{is_shown_plainly, shown, shown_whole};
