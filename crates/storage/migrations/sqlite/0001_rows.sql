-- Times are Unix milliseconds unless the name says otherwise (_s: seconds).

CREATE TABLE sessions (
    name        TEXT PRIMARY KEY NOT NULL,
    config_json TEXT NOT NULL,
    desired     INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    me_json     TEXT
);

CREATE TABLE messages (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    session      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    id           TEXT NOT NULL,
    from_me      INTEGER NOT NULL,
    participant  TEXT NOT NULL,
    sender       TEXT NOT NULL,
    timestamp_s  INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    ack          INTEGER NOT NULL,
    payload_json TEXT NOT NULL,
    proto        BLOB NOT NULL,
    edited       INTEGER NOT NULL,
    revoked      INTEGER NOT NULL,
    hidden       INTEGER NOT NULL,
    UNIQUE (session, id, from_me, chat, participant)
);
CREATE INDEX messages_by_time ON messages (session, chat, timestamp_s, seq) WHERE hidden = 0;

CREATE TABLE events (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    session      TEXT NOT NULL,
    chat         TEXT NOT NULL,
    name         TEXT NOT NULL,
    body         TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL
);
CREATE INDEX events_by_session ON events (session, seq);
CREATE INDEX events_by_time ON events (timestamp_ms);

-- Deliveries that keep their order. A lane exists while one of its rows is pending.
CREATE TABLE lanes (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription    TEXT NOT NULL,
    session         TEXT NOT NULL,
    chat            TEXT NOT NULL,
    next_attempt_ms INTEGER NOT NULL,
    gave_up         INTEGER NOT NULL,
    UNIQUE (subscription, session, chat)
);
CREATE INDEX lanes_by_due ON lanes (subscription, next_attempt_ms);

-- state: 0 pending, 1 delivered, 2 dead. lane is the number of the lane of a pending row.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    seq          INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    subscription TEXT NOT NULL,
    lane         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    ended_ms     INTEGER,
    reason       TEXT,
    UNIQUE (seq, subscription)
);
CREATE INDEX outbox_pending ON outbox (lane, seq) WHERE state = 0;
CREATE INDEX outbox_delivered ON outbox (ended_ms) WHERE state = 1;
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 2;

CREATE TABLE attempts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    seq          INTEGER NOT NULL,
    subscription TEXT NOT NULL,
    number       INTEGER NOT NULL,
    started_ms   INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status       INTEGER,
    error        TEXT,
    FOREIGN KEY (seq, subscription) REFERENCES outbox (seq, subscription) ON DELETE CASCADE
);
CREATE INDEX attempts_by_delivery ON attempts (seq, subscription, id);

-- state: 0 accepted, 1 sent, 2 acked, 3 failed.
CREATE TABLE sends (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    session         TEXT NOT NULL,
    idempotency_key TEXT,
    request_hash    TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    state           INTEGER NOT NULL,
    request_json    TEXT NOT NULL,
    response_json   TEXT,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    UNIQUE (session, message_id),
    UNIQUE (session, idempotency_key)
);
CREATE INDEX sends_unfinished ON sends (session, seq) WHERE state < 2;
CREATE INDEX sends_finished ON sends (updated_ms) WHERE state >= 2;

-- Written by the health check to prove that writing works.
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    writes INTEGER NOT NULL
);
