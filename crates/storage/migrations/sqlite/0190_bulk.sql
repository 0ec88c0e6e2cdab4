-- One text to many people, one after the other; also one that is to be sent later. What goes out is in sends, as of every other
-- message.
-- state: 0 running, 1 paused, 2 done, 3 cancelled.
CREATE TABLE bulk_sends (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    session         INTEGER NOT NULL,
    id              TEXT NOT NULL UNIQUE,
    idempotency_key TEXT,
    request_hash    TEXT NOT NULL,
    name            TEXT,
    -- The account that it was asked of; it goes out from no other.
    account         TEXT NOT NULL,
    text            TEXT NOT NULL,
    typing          INTEGER NOT NULL,
    start_ms        INTEGER NOT NULL,
    min_delay_ms    INTEGER NOT NULL,
    max_delay_ms    INTEGER NOT NULL,
    -- Most people a day who never wrote to the account and whom it never wrote to.
    new_per_day     INTEGER,
    state           INTEGER NOT NULL,
    -- Why it waits, or ended.
    reason          TEXT,
    held_until_ms   INTEGER,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    -- Its recipients, by their state.
    waiting         INTEGER NOT NULL,
    sent            INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    UNIQUE (session, idempotency_key)
);
CREATE INDEX bulk_sends_running ON bulk_sends (session, seq) WHERE state = 0;

-- state: 0 waiting, 1 sent, 2 failed.
CREATE TABLE bulk_recipients (
    bulk       INTEGER NOT NULL REFERENCES bulk_sends (seq) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    chat       TEXT NOT NULL,
    -- What stands for the words in braces, as JSON; nothing where the text goes out as it is.
    variables  TEXT,
    state      INTEGER NOT NULL,
    -- A new one after a refusal that ends by itself, so that the same message can be sent once more.
    attempt    INTEGER NOT NULL,
    message_id TEXT,
    error      TEXT,
    -- Whether it went to somebody new.
    is_new     INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (bulk, position)
);
CREATE INDEX bulk_recipients_waiting ON bulk_recipients (bulk, position) WHERE state = 0;
CREATE INDEX bulk_recipients_new ON bulk_recipients (updated_ms, bulk) WHERE is_new = 1;
