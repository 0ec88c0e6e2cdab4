-- What each session's databases looked like when they were last seen together, so that an older copy of one of them, or
-- of all, is told from a restart. See docs/rollback.md.
CREATE TABLE generations (
    session         TEXT PRIMARY KEY NOT NULL,
    login           TEXT NOT NULL,
    run             TEXT NOT NULL,
    next            TEXT,
    writes          INTEGER NOT NULL,
    written_s       INTEGER NOT NULL,
    engine_file     TEXT NOT NULL,
    rows_file       TEXT NOT NULL,
    sealed          TEXT NOT NULL,
    renewals        INTEGER NOT NULL,
    renewed_ms      INTEGER,
    renewed_because TEXT
);
