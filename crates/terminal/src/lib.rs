//! The terminal of whoever typed a command: pages for people, documents for programs, questions, progress, and what is said
//! meanwhile. The one library that writes to standard output and standard error.

mod console;
mod failure;
mod gather;
mod interactive;
mod page;
mod raw;
pub mod typed;

pub use console::{Console, agrees, print_failure, say, say_failure, write_out};
pub use failure::Failure;
pub use gather::one_by_one;
pub use interactive::{keyboard, sizes};
pub use page::{Page, Tone, size};
pub use raw::RawTerminal;
pub use wakeeper_bounded_tar::quoted;

/// Why something could not be printed or asked.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Standard output does not take it.
    #[error("cannot write to standard output")]
    Write(#[source] std::io::Error),
    /// The result does not become a document.
    #[error("cannot write the result as JSON")]
    Json(#[from] serde_json::Error),
    /// The question could not be asked.
    #[error("cannot ask on standard error")]
    Ask(#[source] std::io::Error),
    /// The answer could not be read.
    #[error("cannot read the answer")]
    Read(#[source] std::io::Error),
    /// Standard input has ended.
    #[error("nobody is there to answer; give {flag} when you are sure")]
    Nobody {
        /// The flag that says yes.
        flag: String,
    },
}
