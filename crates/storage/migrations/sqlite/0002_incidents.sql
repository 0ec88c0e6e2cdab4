-- What went wrong, what was done about it, and how that was verified.
-- state: 0 open, 1 being cured, 2 being verified, 3 left alone, 4 closed.
CREATE TABLE incidents (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    session    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    state      INTEGER NOT NULL,
    outcome    TEXT,
    summary    TEXT NOT NULL,
    messages   INTEGER NOT NULL,
    peers_json TEXT NOT NULL,
    opened_ms  INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    closed_ms  INTEGER
);
CREATE INDEX incidents_by_session ON incidents (session, id);
CREATE INDEX incidents_open ON incidents (id) WHERE state < 4;
CREATE INDEX incidents_closed ON incidents (closed_ms) WHERE state = 4;

CREATE TABLE incident_steps (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    incident    INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at_ms       INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    detail_json TEXT
);
CREATE INDEX incident_steps_by_incident ON incident_steps (incident, id);

-- Words for a person that must leave this machine. Deleted once somebody took them.
CREATE TABLE alerts (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    body            TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL
);
CREATE INDEX alerts_by_due ON alerts (next_attempt_ms);

-- How far the log of a source was read.
CREATE TABLE checkpoints (
    source     TEXT PRIMARY KEY NOT NULL,
    position   TEXT NOT NULL,
    updated_ms INTEGER NOT NULL
);
