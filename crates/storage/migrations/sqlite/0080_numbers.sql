-- The events of a session are numbered one after the other, whatever others do: their key is the session and the number.
-- Until here one count served all sessions. The last number given is kept when events and sessions are deleted, so that
-- none is given twice.
CREATE TABLE event_numbers (
    session TEXT PRIMARY KEY NOT NULL,
    last    INTEGER NOT NULL
);
-- Events keep their numbers, so that a position that somebody remembers stays good; each session goes on after the last
-- one that was given to any. The events of a former number, which are set apart, are numbered with those of their session.
INSERT OR IGNORE INTO event_numbers (session, last)
SELECT session, max(
    COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0),
    COALESCE((SELECT max(seq) FROM events), 0))
FROM (
    SELECT name AS session FROM sessions
    UNION
    SELECT CASE WHEN instr(session, '/') > 0 THEN substr(session, 1, instr(session, '/') - 1) ELSE session END FROM events
) WHERE session IS NOT NULL;

CREATE TABLE events_now (
    session      TEXT NOT NULL,
    number       INTEGER NOT NULL,
    id           TEXT NOT NULL UNIQUE,
    chat         TEXT NOT NULL,
    name         TEXT NOT NULL,
    rest         TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    also_id      TEXT,
    also_name    TEXT,
    PRIMARY KEY (session, number)
);
CREATE UNIQUE INDEX events_by_second_name ON events_now (also_id) WHERE also_id IS NOT NULL;
-- One that is there twice, because an index was damaged, is kept once.
INSERT OR IGNORE INTO events_now
SELECT session, seq, id, chat, name, rest, timestamp_ms, also_id, also_name FROM events ORDER BY seq;

-- state: 0 pending, 2 dead. also: 1 for the event's second name. lane is the number of the lane of a pending row.
CREATE TABLE outbox_now (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    session      TEXT NOT NULL,
    number       INTEGER NOT NULL,
    also         INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    lane         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    ended_ms     INTEGER,
    reason       TEXT,
    UNIQUE (session, number, also, subscription),
    FOREIGN KEY (session, number) REFERENCES events_now (session, number) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT OR IGNORE INTO outbox_now
SELECT outbox.id, events.session, outbox.seq, also, subscription, lane, state, attempts, ended_ms, reason
-- One whose event is gone is owed nothing any more.
FROM outbox JOIN events ON events.seq = outbox.seq
    JOIN events_now ON events_now.session = events.session AND events_now.number = events.seq
ORDER BY outbox.id;

CREATE TABLE attempts_now (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery     INTEGER NOT NULL REFERENCES outbox_now (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    started_ms   INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status       INTEGER,
    error        TEXT
);
INSERT OR IGNORE INTO attempts_now
SELECT attempts.* FROM attempts JOIN outbox_now ON outbox_now.id = attempts.delivery;

-- Numbers go on where they were: what was deleted does not give its number back.
DELETE FROM sqlite_sequence WHERE name = 'outbox_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox_now', seq FROM sqlite_sequence WHERE name = 'outbox';
DELETE FROM sqlite_sequence WHERE name = 'attempts_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'attempts_now', seq FROM sqlite_sequence WHERE name = 'attempts';

-- Those that refer go first.
DROP TABLE attempts;
DROP TABLE outbox;
DROP TABLE events;
ALTER TABLE events_now RENAME TO events;
ALTER TABLE outbox_now RENAME TO outbox;
ALTER TABLE attempts_now RENAME TO attempts;
CREATE INDEX events_by_time ON events (timestamp_ms);
CREATE INDEX outbox_pending ON outbox (lane, number, also) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 2;
CREATE INDEX attempts_by_delivery ON attempts (delivery, id);

-- Where a session stood when its owner last said so, for those that do not own it.
ALTER TABLE sessions ADD COLUMN status TEXT;
ALTER TABLE sessions ADD COLUMN status_ms INTEGER;

-- Nothing ever depended on whether a send had been handed over: not acknowledged is not acknowledged.
UPDATE sends SET state = 0 WHERE state = 1;
