//! A row that cannot be read is an error that names it: SQLite keeps whatever it was given, or whatever a failing disk
//! made of it, in a column of any type.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// How rows of one table are named.
pub(super) struct Naming {
    /// What they are, for example `message`.
    pub what: &'static str,
    /// The column that names one inside its session.
    pub key: &'static str,
}

/// What went wrong, inside an [`sqlx::Error`], which is all that sqlx lets through.
#[derive(Debug, thiserror::Error)]
#[error("{row} is damaged: {problem}")]
pub(crate) struct Damaged {
    pub row: String,
    pub problem: String,
}

/// `read` with an error that names the row.
pub(super) fn named<T>(
    naming: &'static Naming,
    read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
) -> impl Fn(SqliteRow) -> Result<T, sqlx::Error> {
    move |row| {
        read(&row).map_err(|error| {
            let row = name(naming, &row);
            sqlx::Error::Decode(Box::new(Damaged { row, problem: error.to_string() }))
        })
    }
}

fn name(naming: &Naming, row: &SqliteRow) -> String {
    let Naming { what, key } = naming;
    let text = |column: &str| row.try_get::<String, _>(column).ok();
    let number = || ["seq", "number"].into_iter().find_map(|column| row.try_get::<i64, _>(column).ok());
    match (text(key), text("session_name")) {
        (Some(key), Some(session)) => format!("{what} {key} of session {session}"),
        _ => number().map_or_else(|| format!("a {what}"), |number| format!("{what} number {number}")),
    }
}
