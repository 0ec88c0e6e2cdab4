//! Who may do what: the keys of the API.
//!
//! There is the administrator's key, which is a setting and is checked by whoever reads the setting, and there are keys that
//! are made of it: for one session or for all, for some actions or for all, with or without a limit of requests. Of these
//! only a digest is kept. [`Keys`] has them in memory, so that a request costs no look into the rows; one process has the
//! rows, and every change goes through it.

mod caller;
mod error;
mod keys;
mod rate;
mod scope;
mod secret;

pub use caller::{Caller, Refusal};
pub use error::KeyError;
pub use keys::{Audited, Call, Keys, Made};
pub use scope::Scope;
