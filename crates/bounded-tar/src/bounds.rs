//! What a stream may hold, and why one is refused.

use std::io;

/// What a stream may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the whole stream, headers and filling included.
    pub total: u64,
    /// Entries.
    pub entries: usize,
    /// Bytes of one entry's content.
    pub entry: u64,
    /// Bytes of a name.
    pub name: usize,
    /// Bytes of all extension headers of one entry, names not counted.
    pub extensions: usize,
    /// PAX records of one extension header.
    pub records: usize,
}

/// Why a stream was refused.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// What it is read from failed.
    #[error("reading it failed: {0}")]
    Io(#[from] io::Error),
    /// It ends in the middle.
    #[error("it is cut short")]
    Short,
    /// [`Bounds::total`].
    #[error("it unpacks to more than {limit} bytes")]
    Total {
        /// The bound.
        limit: u64,
    },
    /// [`Bounds::entries`].
    #[error("it holds more than {limit} entries")]
    Entries {
        /// The bound.
        limit: usize,
    },
    /// [`Bounds::entry`].
    #[error("{name} has {size} bytes, more than the limit of {limit}")]
    Entry {
        /// The entry's name, escaped and shortened.
        name: String,
        /// Its size.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// [`Bounds::name`].
    #[error("a name in it has {size} bytes, more than the limit of {limit}")]
    Name {
        /// Its length.
        size: u64,
        /// The bound.
        limit: usize,
    },
    /// [`Bounds::extensions`].
    #[error("a header in it has extensions of more than {limit} bytes")]
    Extensions {
        /// The bound.
        limit: usize,
    },
    /// [`Bounds::records`].
    #[error("a header in it has more than {limit} PAX records")]
    Records {
        /// The bound.
        limit: usize,
    },
    /// A file with holes; how such are written differs from tar to tar.
    #[error("{0} is a sparse file")]
    Sparse(String),
    /// Not a tar stream, or a broken one.
    #[error("{0}")]
    Broken(&'static str),
}
