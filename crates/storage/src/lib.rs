//! wakeeper's rows.
