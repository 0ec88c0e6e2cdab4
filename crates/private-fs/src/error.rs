//! Why something in a folder was not used.

use std::path::PathBuf;

use rustix::io::Errno;

/// Why something in a folder was not used.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// There is no such entry.
    #[error("it does not exist")]
    Missing,
    /// A symbolic link, or a path that leads out of the folder.
    #[error(
        "a symbolic link, or a name that leads out of the folder, is on the way; links are not followed here"
    )]
    LeadsOut,
    /// A symbolic link on the way to what an engine mounts, at a place where somebody whom nobody trusts can put links.
    #[error(
        "{} is a symbolic link in a folder that a container or another user can write to; links at such places are not \
         followed", .at.display()
    )]
    Planted {
        /// The link.
        at: PathBuf,
    },
    /// Something else is mounted there.
    #[error("something else is mounted there; mounts inside the folder are not entered")]
    Mount,
    /// A directory, link, pipe, socket or device.
    #[error("it is not a regular file")]
    NotRegular,
    /// A hard link to a file that belongs to somebody else.
    #[error("it is a hard link to a file of user {uid}, who does not own the folder")]
    Foreign {
        /// Whose file it is.
        uid: u32,
    },
    /// A file of ours that has other names.
    #[error("it is a hard link: the same file has other names, so it is not written to; remove it")]
    Shared,
    /// A file of ours that is another user's.
    #[error("it belongs to user {uid}, so it is not written to; remove it")]
    Others {
        /// Whose file it is.
        uid: u32,
    },
    /// Others may use a folder that has to be private.
    #[error("{0}")]
    NotPrivate(String),
    /// The kernel has no `openat2`.
    #[error("this kernel cannot open folders safely (openat2, Linux 5.6 or newer, is missing or forbidden)")]
    OldKernel,
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<FsError> for std::io::Error {
    fn from(error: FsError) -> Self {
        error.into_io()
    }
}

impl From<Errno> for FsError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            Errno::NOSYS => Self::OldKernel,
            other => Self::Io(other.into()),
        }
    }
}

impl FsError {
    /// What the kernel says of a walk in which every component is checked.
    pub(crate) fn of_walk(errno: Errno) -> Self {
        match errno {
            // A link on the way; with `O_DIRECTORY` a link at the end is no directory.
            Errno::LOOP => Self::LeadsOut,
            // `..`, an absolute path, or another mount: told apart by the caller, who knows the path.
            Errno::XDEV => Self::Mount,
            other => other.into(),
        }
    }

    /// The same as an error of the standard library.
    pub fn into_io(self) -> std::io::Error {
        match self {
            Self::Io(error) => error,
            Self::Missing => std::io::Error::new(std::io::ErrorKind::NotFound, Self::Missing),
            other => std::io::Error::other(other),
        }
    }
}
