-- The place of an event among those of all sessions, in the order of their commits: live streams resume behind one. Numbers are
-- a session's own. It is given by the commit, and never twice.
ALTER TABLE events ADD COLUMN place INTEGER;
UPDATE events SET place = rowid;
-- What a stream asks for is looked up without reading bodies.
CREATE INDEX events_in_log ON events (place, session, name, also_name);

-- How far places of events that are gone tell: the last one that was given, and the last one that was forgotten because it was
-- old. One row at most.
CREATE TABLE event_log (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    last      INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
);

-- What readers of live streams asked for, as JSON. Until that time its events are stored, whether a receiver is owed them or not,
-- so that a stream that broke off goes on without a gap. since is the place behind which all of them are there.
CREATE TABLE event_readers (
    reader   TEXT PRIMARY KEY NOT NULL,
    since    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
);
