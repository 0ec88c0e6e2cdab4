-- An event is stored once, also when it is told under two names (message and message.any): its body without what differs
-- between them. The outbox holds what is owed or was given up, and attempts are kept of failures: what was delivered is
-- deleted.
ALTER TABLE events ADD COLUMN also_id TEXT;
ALTER TABLE events ADD COLUMN also_name TEXT;
ALTER TABLE events RENAME COLUMN body TO rest;
CREATE UNIQUE INDEX events_by_second_id ON events (also_id) WHERE also_id IS NOT NULL;

-- A body begins with what is made anew for each name. One that does not is kept whole, and sent as it is.
UPDATE events SET rest = substr(rest, length(made.beginning) + 1)
FROM (SELECT seq, '{"id":"' || id || '","timestamp":' || timestamp_ms || ',"event":"' || name || '",' AS beginning
      FROM events) AS made
WHERE made.seq = events.seq AND substr(rest, 1, length(made.beginning)) = made.beginning;

-- state: 0 pending, 2 dead. also: 1 for the event's second name. lane is the number of the lane of a pending row.
CREATE TABLE outbox_now (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    seq          INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    also         INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    lane         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    ended_ms     INTEGER,
    reason       TEXT,
    UNIQUE (seq, also, subscription)
);
INSERT INTO outbox_now
SELECT outbox.id, seq, 0, subscription, lane, state, attempts, ended_ms, reason
-- One whose event is gone is owed nothing any more.
FROM outbox JOIN events USING (seq) WHERE state <> 1;

CREATE TABLE attempts_now (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery     INTEGER NOT NULL REFERENCES outbox_now (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    started_ms   INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status       INTEGER,
    error        TEXT
);
INSERT INTO attempts_now
SELECT attempts.id, outbox_now.id, number, started_ms, duration_ms, status, error
FROM attempts JOIN outbox_now ON outbox_now.seq = attempts.seq AND outbox_now.subscription = attempts.subscription;

-- Numbers go on where they were: what was deleted does not give its number back.
DELETE FROM sqlite_sequence WHERE name = 'outbox_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox_now', seq FROM sqlite_sequence WHERE name = 'outbox';

DELETE FROM sqlite_sequence WHERE name = 'attempts_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'attempts_now', seq FROM sqlite_sequence WHERE name = 'attempts';

-- Those that refer go first.
DROP TABLE attempts;
DROP TABLE outbox;
ALTER TABLE outbox_now RENAME TO outbox;
ALTER TABLE attempts_now RENAME TO attempts;
CREATE INDEX outbox_pending ON outbox (lane, seq, also) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 2;
CREATE INDEX attempts_by_delivery ON attempts (delivery, id);
