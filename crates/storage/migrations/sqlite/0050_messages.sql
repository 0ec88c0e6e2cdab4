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

-- JSON that cannot be read says nothing; then the addresses are those that the columns and the session give.
INSERT INTO messages_now
SELECT seq, session, chat, id, from_me, participant, sender,
    CASE told WHEN '{}' THEN (SELECT id FROM session_accounts WHERE session_accounts.session = before.session)
        ELSE json_extract(told, CASE from_me WHEN 1 THEN '$.from' ELSE '$.to' END) END,
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
    proto,
    CASE WHEN hidden = 0 AND (edited = 1 OR length(proto) = 0) THEN json_extract(told, '$.body') END,
    CASE WHEN hidden = 0 AND length(proto) = 0 THEN json_extract(told, '$.media.mimetype') END,
    CASE WHEN hidden = 0 AND length(proto) = 0 THEN json_extract(told, '$.media.filename') END,
    CASE WHEN hidden = 0 THEN json_extract(told, '$.replyTo.id') END,
    CASE WHEN hidden = 0 AND edited = 1 THEN json_extract(told, '$.replyTo.participant') END,
    CASE WHEN hidden = 0 AND edited = 1 THEN json_extract(told, '$.replyTo.body') END,
    edited, revoked, hidden
FROM (SELECT *, CASE WHEN json_valid(payload_json) THEN payload_json ELSE '{}' END AS told FROM messages) AS before;

DROP TABLE messages;
ALTER TABLE messages_now RENAME TO messages;
CREATE INDEX messages_by_time ON messages (session, chat, timestamp_s, seq) WHERE hidden = 0;
