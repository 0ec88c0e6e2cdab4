-- The message itself is what is stored: its protobuf, and in columns what that does not hold. WAHA's JSON is made of
-- both when somebody asks. Until here the JSON was stored (payload_json) and read back.
CREATE TABLE messages_now (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    session     TEXT NOT NULL,
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
    -- The message that this one answers. Who wrote that and what is in the protobuf, but for edits before this schema.
    reply_to          TEXT,
    reply_participant TEXT,
    reply_body        TEXT,
    edited      INTEGER NOT NULL,
    revoked     INTEGER NOT NULL,
    hidden      INTEGER NOT NULL,
    UNIQUE (session, id, from_me, chat, participant)
);

-- JSON that cannot be read says nothing; then the addresses are those that the columns and the session give. A row that is there
-- twice, because an index was damaged, is kept once.
INSERT OR IGNORE INTO messages_now
SELECT seq, session, chat, id, from_me, participant, sender,
    COALESCE(
        json_extract(told, CASE from_me WHEN 1 THEN '$.from' ELSE '$.to' END),
        -- A deletion keeps both beside what became of the message.
        json_extract(told, CASE from_me WHEN 1 THEN '$.after.from' ELSE '$.after.to' END),
        (SELECT id FROM session_accounts WHERE session_accounts.session = before.session),
        -- Rows of a former number are set apart under its name.
        CASE WHEN instr(session, '/') > 0 THEN substr(session, instr(session, '/') + 1) END),
    timestamp_s, kind, ack,
    COALESCE(json_extract(told, '$.source') = 'api', 0),
    json_extract(told, '$._data.pushName'),
    COALESCE(json_extract(told, '$._data.key.remoteJid'), replace(chat, '@c.us', '@s.whatsapp.net')),
    json_extract(told, '$._data.key.remoteJidAlt'),
    COALESCE(json_extract(told, '$._data.key.participant'),
        CASE WHEN told = '{}' AND from_me = 0
            THEN NULLIF(replace(participant, '@c.us', '@s.whatsapp.net'), '') END),
    json_extract(told, '$._data.key.participantAlt'),
    CASE WHEN hidden = 1 THEN COALESCE(
        json_extract(told, '$.reaction.messageId'),
        json_extract(told, '$.after.id'),
        -- Nobody edits what somebody else wrote.
        CASE from_me WHEN 1 THEN 'true_' ELSE 'false_' END || chat || '_' || json_extract(told, '$.editedMessageId')
            || CASE participant WHEN '' THEN '' ELSE '_' || participant END
    ) END,
    kept,
    CASE WHEN hidden = 0 AND (edited = 1 OR length(kept) = 0) THEN json_extract(told, '$.body') END,
    CASE WHEN hidden = 0 AND length(kept) = 0 THEN json_extract(told, '$.media.mimetype') END,
    CASE WHEN hidden = 0 AND length(kept) = 0 THEN json_extract(told, '$.media.filename') END,
    CASE WHEN hidden = 0 THEN json_extract(told, '$.replyTo.id') END,
    CASE WHEN hidden = 0 AND edited = 1 THEN json_extract(told, '$.replyTo.participant') END,
    CASE WHEN hidden = 0 AND edited = 1 THEN json_extract(told, '$.replyTo.body') END,
    edited, revoked, hidden
FROM (
    SELECT *,
        CASE WHEN json_valid(payload_json)
            THEN CASE json_type(payload_json) WHEN 'object' THEN payload_json ELSE '{}' END
            ELSE '{}' END AS told,
        -- An imported text without a word had a protobuf that says as little.
        CASE proto WHEN x'0a00' THEN x'' ELSE proto END AS kept
    FROM messages
) AS before
ORDER BY seq;

-- Numbers go on where they were: what was deleted does not give its number back.
DELETE FROM sqlite_sequence WHERE name = 'messages_now';
INSERT INTO sqlite_sequence (name, seq) SELECT 'messages_now', seq FROM sqlite_sequence WHERE name = 'messages';

DROP TABLE messages;
ALTER TABLE messages_now RENAME TO messages;
CREATE INDEX messages_by_time ON messages (session, chat, timestamp_s, seq) WHERE hidden = 0;
