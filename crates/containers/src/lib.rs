//! Sessions in containers.
//!
//! The crate reads no environment and prints nothing: whoever uses it passes [`docker::DockerEnvironment`] in.

pub mod docker;
pub mod session;
pub mod watch;
