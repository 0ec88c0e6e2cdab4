-- Rows belong to a session by its number. Its name stands once, in its own row, which stays when the session is deleted, so
-- that what is still owed to receivers has a session and no number of an event is given twice. Until here every key began
-- with the name, and the last number of an event was written with every message (event_numbers).
CREATE TABLE sessions_now (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    -- Of rows of a former number, which are set apart under a name of their own: the session that they belong to.
    home        INTEGER,
    -- The last number given to an event, as far as events that are gone tell: those that are there tell theirs.
    last_event  INTEGER NOT NULL DEFAULT 0,
    -- Its settings. Without them there is no such session: it was deleted, or is a name that rows have.
    config_json TEXT,
    desired     INTEGER NOT NULL DEFAULT 0,
    created_ms  INTEGER NOT NULL DEFAULT 0,
    updated_ms  INTEGER NOT NULL DEFAULT 0,
    me_json     TEXT,
    status      TEXT,
    status_ms   INTEGER
);
INSERT OR IGNORE INTO sessions_now (name, config_json, desired, created_ms, updated_ms, me_json, status, status_ms)
SELECT name, config_json, desired, created_ms, updated_ms, me_json, status, status_ms FROM sessions ORDER BY rowid;
-- Names that only rows have, and the sessions of those that are set apart.
INSERT OR IGNORE INTO sessions_now (name)
SELECT name FROM (
    WITH named (name) AS (
        SELECT session FROM messages UNION SELECT session FROM sends UNION SELECT session FROM events
        UNION SELECT session FROM generations UNION SELECT session FROM session_accounts
        UNION SELECT session FROM event_numbers
    )
    SELECT name FROM named
    UNION
    SELECT substr(name, 1, instr(name, '/') - 1) FROM named WHERE instr(name, '/') > 0
) WHERE name IS NOT NULL ORDER BY name;
UPDATE sessions_now SET
    last_event = COALESCE((SELECT last FROM event_numbers WHERE event_numbers.session = sessions_now.name), 0);
UPDATE sessions_now SET home = (
    SELECT id FROM sessions_now AS own WHERE own.name = substr(sessions_now.name, 1, instr(sessions_now.name, '/') - 1)
) WHERE instr(name, '/') > 0;

CREATE TABLE generations_now (
    session         INTEGER PRIMARY KEY NOT NULL,
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
INSERT OR IGNORE INTO generations_now
SELECT sessions_now.id, login, run, next, writes, written_s, engine_file, rows_file, sealed, renewals, renewed_ms,
    renewed_because
FROM generations JOIN sessions_now ON sessions_now.name = generations.session;

CREATE TABLE session_accounts_now (
    session INTEGER PRIMARY KEY NOT NULL,
    id      TEXT NOT NULL,
    lid     TEXT
);
INSERT OR IGNORE INTO session_accounts_now
SELECT sessions_now.id, session_accounts.id, lid
FROM session_accounts JOIN sessions_now ON sessions_now.name = session_accounts.session;

CREATE TABLE messages_now (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    session     INTEGER NOT NULL,
    chat        TEXT NOT NULL,
    id          TEXT NOT NULL,
    from_me     INTEGER NOT NULL,
    participant TEXT NOT NULL,
    sender      TEXT NOT NULL,
    account     TEXT,
    timestamp_s INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    ack         INTEGER NOT NULL,
    from_api    INTEGER NOT NULL,
    push_name   TEXT,
    -- The addresses as the wire wrote them, each with its other name when that is known.
    wire_chat            TEXT NOT NULL,
    wire_chat_alt        TEXT,
    wire_participant     TEXT,
    wire_participant_alt TEXT,
    -- Of reactions, edits and deletions: the id of the message that they concern.
    target      TEXT,
    proto       BLOB NOT NULL,
    -- What the protobuf does not say: all of it for imported messages that have none, the text after some edits.
    body        TEXT,
    mimetype    TEXT,
    filename    TEXT,
    -- The message that this one answers. Who wrote that and what is in the protobuf, but for edits before migration 0050.
    reply_to          TEXT,
    reply_participant TEXT,
    reply_body        TEXT,
    edited      INTEGER NOT NULL,
    revoked     INTEGER NOT NULL,
    hidden      INTEGER NOT NULL,
    UNIQUE (session, id, from_me, chat, participant)
);
INSERT OR IGNORE INTO messages_now
SELECT seq, sessions_now.id, chat, messages.id, from_me, participant, sender, account, timestamp_s, kind, ack, from_api,
    push_name, wire_chat, wire_chat_alt, wire_participant, wire_participant_alt, target, proto, body, mimetype, filename,
    reply_to, reply_participant, reply_body, edited, revoked, hidden
FROM messages JOIN sessions_now ON sessions_now.name = messages.session
ORDER BY seq;

CREATE TABLE sends_now (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    session         INTEGER NOT NULL,
    idempotency_key TEXT,
    request_hash    TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    state           INTEGER NOT NULL,
    chat            TEXT NOT NULL,
    -- Empty when the row was damaged before migration 0060: it is told to fail when its turn comes.
    proto           BLOB NOT NULL,
    error           TEXT,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    UNIQUE (session, message_id),
    UNIQUE (session, idempotency_key)
);
INSERT OR IGNORE INTO sends_now
SELECT seq, sessions_now.id, idempotency_key, request_hash, message_id, state, chat, proto, error, sends.created_ms,
    sends.updated_ms
FROM sends JOIN sessions_now ON sessions_now.name = sends.session
ORDER BY seq;

CREATE TABLE events_now (
    session      INTEGER NOT NULL,
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
CREATE UNIQUE INDEX events_by_other_id ON events_now (also_id) WHERE also_id IS NOT NULL;
INSERT OR IGNORE INTO events_now
SELECT sessions_now.id, number, events.id, chat, events.name, rest, timestamp_ms, also_id, also_name
FROM events JOIN sessions_now ON sessions_now.name = events.session
ORDER BY events.rowid;

-- state: 0 pending, 2 dead. also: 1 for the event's second name. Pending rows of one subscription, session and chat are a
-- lane, which keeps their order and is kept in memory. After a failure its first row says when it may be tried, and
-- whether the one before it ran out of attempts with nothing delivered since.
CREATE TABLE outbox_now (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    session         INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    also            INTEGER NOT NULL,
    subscription    TEXT NOT NULL,
    chat            TEXT NOT NULL,
    state           INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    next_attempt_ms INTEGER,
    gave_up         INTEGER NOT NULL DEFAULT 0,
    ended_ms        INTEGER,
    reason          TEXT,
    UNIQUE (session, number, also, subscription),
    FOREIGN KEY (session, number) REFERENCES events_now (session, number) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT OR IGNORE INTO outbox_now
SELECT outbox.id, sessions_now.id, outbox.number, also, outbox.subscription, events.chat, state, attempts,
    lanes.next_attempt_ms, COALESCE(lanes.gave_up, 0), ended_ms, reason
FROM outbox
    JOIN sessions_now ON sessions_now.name = outbox.session
    -- One whose event is gone is owed nothing any more.
    JOIN events ON events.session = outbox.session AND events.number = outbox.number
    JOIN events_now ON events_now.session = sessions_now.id AND events_now.number = outbox.number
    LEFT JOIN lanes ON lanes.id = outbox.lane AND outbox.id = (
        SELECT first.id FROM outbox AS first WHERE first.lane = lanes.id AND first.state = 0
        ORDER BY first.number, first.also LIMIT 1)
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
DELETE FROM sqlite_sequence WHERE name IN ('messages_now', 'sends_now', 'outbox_now', 'attempts_now');
INSERT INTO sqlite_sequence (name, seq)
SELECT name || '_now', seq FROM sqlite_sequence WHERE name IN ('messages', 'sends', 'outbox', 'attempts');

-- Those that refer go first.
DROP TABLE attempts;
DROP TABLE outbox;
DROP TABLE lanes;
DROP TABLE events;
DROP TABLE event_numbers;
DROP TABLE sends;
DROP TABLE messages;
DROP TABLE generations;
DROP TABLE session_accounts;
DROP TABLE sessions;
ALTER TABLE sessions_now RENAME TO sessions;
ALTER TABLE generations_now RENAME TO generations;
ALTER TABLE session_accounts_now RENAME TO session_accounts;
ALTER TABLE messages_now RENAME TO messages;
ALTER TABLE sends_now RENAME TO sends;
ALTER TABLE events_now RENAME TO events;
ALTER TABLE outbox_now RENAME TO outbox;
ALTER TABLE attempts_now RENAME TO attempts;
CREATE INDEX sessions_by_home ON sessions (home) WHERE home IS NOT NULL;
CREATE INDEX messages_by_time ON messages (session, chat, timestamp_s, seq) WHERE hidden = 0;
CREATE INDEX sends_unfinished ON sends (session, seq) WHERE state < 2;
CREATE INDEX sends_finished ON sends (updated_ms) WHERE state >= 2;
CREATE INDEX events_by_time ON events (timestamp_ms);
CREATE INDEX outbox_pending ON outbox (session, subscription, chat, number, also) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 2;
CREATE INDEX attempts_by_delivery ON attempts (delivery, id);
