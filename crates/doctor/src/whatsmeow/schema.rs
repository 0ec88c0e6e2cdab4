//! What a store's schema may hold. Whoever wrote the file wrote its schema too, and part of a schema runs when the tables
//! are read or written: triggers, views, tables that are code, and columns or indexes that are computed.

use rusqlite::Connection;

/// Whether a name is of whatsmeow's tables or ours. SQLite does not tell upper case from lower case in names.
macro_rules! known {
    ($name:literal) => {
        concat!(
            "(",
            $name,
            r" LIKE 'whatsmeow\_%' ESCAPE '\' OR ",
            $name,
            r" LIKE 'wakeeper\_moved' ESCAPE '\')"
        )
    };
}

/// Tables that are code have no page of their own.
macro_rules! is_code {
    () => {
        "coalesce(rootpage, 0) = 0"
    };
}

/// Triggers and views that name one of these tables, and such tables that are code.
const RUNS: &str = concat!(
    "SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END, name FROM sqlite_schema WHERE (type = 'table' AND ",
    is_code!(),
    " AND ",
    known!("name"),
    ") OR (type NOT IN ('table', 'index') AND (",
    known!("name"),
    " OR ",
    known!("tbl_name"),
    r" OR sql LIKE '%whatsmeow\_%' ESCAPE '\' OR sql LIKE '%wakeeper\_moved%' ESCAPE '\')) LIMIT 1"
);

/// Computed columns, stored or not.
const COMPUTED_COLUMNS: &str = concat!(
    "SELECT 'computed column', t.name || '.' || c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c \
     WHERE t.type = 'table' AND c.hidden IN (2, 3) AND ",
    known!("t.name"),
    " LIMIT 1"
);

/// Indexes over something computed.
const COMPUTED_INDEXES: &str = concat!(
    "SELECT 'computed index', i.name FROM sqlite_schema i, pragma_index_xinfo(i.name) c \
     WHERE i.type = 'index' AND c.cid = -2 AND ",
    known!("i.tbl_name"),
    " LIMIT 1"
);

/// Every table, and whether looking at it may run something.
const TABLES: &str = concat!(
    "SELECT name, CASE WHEN ",
    is_code!(),
    " THEN 1 ELSE EXISTS (SELECT 1 FROM pragma_table_xinfo(t.name) WHERE hidden IN (2, 3)) END FROM sqlite_schema t \
     WHERE type = 'table' ORDER BY ",
    known!("name"),
    " DESC LIMIT 1000"
);

/// Letters of a name that are shown.
const SHOWN: usize = 60;

/// What in the schema would run on whatsmeow's tables, in words.
pub(super) fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    // In this order: nothing computed is asked of a table that is code.
    for sql in [RUNS, COMPUTED_COLUMNS, COMPUTED_INDEXES] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
            let name: String = name.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
            return Ok(Some(format!(
                "it holds the {kind} {name}, which no store of whatsmeow has: it would run when the gateway uses the store"
            )));
        }
    }
    Ok(None)
}

/// What SQLite itself finds wrong. A gateway's own tables may compute something; those are not looked at.
pub(super) fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    // Each row is judged when it is read; here it is about the database as such.
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    let mut tables = connection.prepare(TABLES)?;
    let tables = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tables: Vec<(String, bool)> = tables.collect::<rusqlite::Result<_>>()?;
    let first = |sql: &str| -> rusqlite::Result<Option<String>> {
        let first: String = connection.query_row(sql, [], |row| row.get(0))?;
        Ok((first != "ok").then_some(first))
    };
    if tables.iter().all(|(_, computes)| !computes) {
        return first("PRAGMA quick_check(1)");
    }
    // A number in place of a name would mean the whole database.
    let is_name = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    for (name, _) in tables.iter().filter(|(name, computes)| !computes && is_name(name)) {
        if let Some(found) = first(&format!("PRAGMA quick_check(\"{}\")", name.replace('"', "\"\"")))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
