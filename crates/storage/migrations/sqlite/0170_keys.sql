-- Keys of the API beside the administrator's, which is a setting. Of the key itself only its SHA-512 is kept: it is random
-- and long, so nothing is gained by trying. actions is an object in JSON; without it everything that concerns the session.
CREATE TABLE api_keys (
    id              TEXT PRIMARY KEY NOT NULL,
    hash            BLOB NOT NULL,
    -- Its beginning, which lists show.
    hint            TEXT NOT NULL,
    is_active       INTEGER NOT NULL,
    is_admin        INTEGER NOT NULL,
    -- The number of the one session that it is good for; without it for all.
    session         INTEGER,
    actions         TEXT,
    rate_per_minute INTEGER,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL
);
CREATE INDEX api_keys_of_session ON api_keys (session) WHERE session IS NOT NULL;

-- Who changed what, by route and without what was sent. Without a key it was the administrator's.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    key     TEXT,
    method  TEXT NOT NULL,
    route   TEXT NOT NULL,
    session TEXT,
    status  INTEGER NOT NULL
);
