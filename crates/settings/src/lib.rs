//! Settings: each declared once in a [`Catalog`], read from flags, the environment and a TOML file.
//!
//! Flags beat the environment, the environment beats the file. Every secret `X` may also stand in the file that `X_FILE`
//! names. A program reads the settings that it uses, and only these are checked: what is unknown or malformed is refused by
//! name, with what is allowed, all of it at once and before anything starts. Names of another program are taken where they
//! mean the same, and told otherwise. The environment is handed in; nothing here reads it.

mod catalog;
mod error;
mod foreign;
mod source;
mod value;
mod values;

pub use catalog::{Catalog, Kind, Setting};
pub use error::SettingsError;
pub use foreign::{Foreign, Meaning, Note, Told, notes};
pub use source::Sources;
pub use value::{Interval, Origin, Value, non_empty, parse_bool, parse_duration, parse_interval, parse_size};
pub use values::{Listed, Names, Values};

#[cfg(test)]
mod tests;
