-- A send keeps the protobuf that goes out, and why it failed. Until here both were JSON, the protobuf in base64. What its
-- caller was answered is made of its message when it is asked for again.
CREATE TABLE sends_now (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    session         TEXT NOT NULL,
    idempotency_key TEXT,
    request_hash    TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    state           INTEGER NOT NULL,
    chat            TEXT NOT NULL,
    -- Empty when the row was damaged already: it is told to fail when its turn comes.
    proto           BLOB NOT NULL,
    error           TEXT,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    UNIQUE (session, message_id),
    UNIQUE (session, idempotency_key)
);

-- One send after the other: what is made of its letters is gone before the next one begins.
INSERT OR IGNORE INTO sends_now
WITH asked AS MATERIALIZED (
    SELECT seq, json_extract(request_json, '$.chat') AS chat,
        CAST(json_extract(request_json, '$.proto') AS BLOB) AS base64
    FROM sends WHERE json_valid(request_json)
),
decoded AS MATERIALIZED (
    SELECT seq, chat, (
        WITH RECURSIVE
        alphabet AS (
            SELECT CAST('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/' AS BLOB) AS letters
        ),
        -- Where each group of four letters begins.
        at (i) AS (SELECT 1 UNION ALL SELECT i + 4 FROM at WHERE i + 4 <= length(base64)),
        numbers AS (
            SELECT i,
                instr(letters, substr(base64, i, 1)) - 1 AS a, instr(letters, substr(base64, i + 1, 1)) - 1 AS b,
                instr(letters, substr(base64, i + 2, 1)) - 1 AS c, instr(letters, substr(base64, i + 3, 1)) - 1 AS d,
                (substr(base64, i + 2, 1) = x'3d') + (substr(base64, i + 3, 1) = x'3d') AS missing,
                i + 3 < length(base64) AS more
            FROM at CROSS JOIN alphabet
        ),
        -- Three bytes of each, fewer at the end; nothing where a letter is none of base64's.
        bytes AS MATERIALIZED (
            SELECT i, CASE
                WHEN a < 0 OR b < 0 OR (c < 0 AND missing < 2) OR (d < 0 AND missing < 1) OR (missing > 0 AND more) THEN NULL
                ELSE substr(printf('%06X', a * 262144 + b * 4096 + max(c, 0) * 64 + max(d, 0)), 1, 6 - 2 * missing) END AS hex
            FROM numbers
        )
        SELECT CASE WHEN count(hex) = count(*) THEN unhex(group_concat(hex, '' ORDER BY i)) END FROM bytes
    ) AS proto
    FROM asked
)
SELECT sends.seq, session, idempotency_key, request_hash, message_id, state, COALESCE(decoded.chat, ''),
    COALESCE(decoded.proto, x''),
    CASE WHEN state = 3 AND json_valid(response_json) THEN json_extract(response_json, '$.error') END,
    created_ms, updated_ms
FROM sends LEFT JOIN decoded ON decoded.seq = sends.seq
ORDER BY sends.seq;

-- Numbers go on where they were: what was deleted does not give its number back.
DELETE FROM sqlite_sequence WHERE name = 'sends_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'sends_now', seq FROM sqlite_sequence WHERE name = 'sends';

DROP TABLE sends;
ALTER TABLE sends_now RENAME TO sends;
CREATE INDEX sends_unfinished ON sends (session, seq) WHERE state < 2;
CREATE INDEX sends_finished ON sends (updated_ms) WHERE state >= 2;
