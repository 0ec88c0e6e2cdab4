//! Settings: each declared once in a [`Catalog`], read from flags, the environment and a TOML file.
//!
//! Flags beat the environment, the environment beats the file. Every secret `X` may also stand in the file that `X_FILE`
//! names. Anything unknown or malformed is refused by name, with what is allowed, before anything starts. The environment is
//! handed in; nothing here reads it.

mod catalog;
mod error;
mod source;
mod value;

pub use catalog::{Catalog, Kind, Setting};
pub use error::SettingsError;
pub use source::{Sources, Values};
pub use value::{Interval, Origin, Value, non_empty, parse_bool, parse_duration, parse_interval, parse_size};

#[cfg(test)]
mod tests;
