-- Chats and people, kept up to date by every message, by the account's other devices and by the history that a phone gives.
-- A chat stands under one name: the phone number where it is known, else the LID. A row that has only the LID becomes part of
-- the number's row when the two are seen together.
CREATE TABLE chats (
    session       INTEGER NOT NULL,
    id            TEXT NOT NULL,
    -- What the phone calls it: a group's subject, or a person's name there.
    name          TEXT,
    -- Since when, as far as that is known.
    named_s       INTEGER NOT NULL DEFAULT 0,
    -- When it was last written in; 0 where nothing was, and of a chat that was deleted.
    last_s        INTEGER NOT NULL,
    unread        INTEGER NOT NULL,
    -- Somebody marked it as unread.
    marked_unread INTEGER NOT NULL,
    archived      INTEGER NOT NULL,
    pinned_s      INTEGER,
    -- -1: for good.
    muted_until_ms INTEGER,
    UNIQUE (session, id)
);
CREATE INDEX chats_by_time ON chats (session, last_s, id);

CREATE TABLE contacts (
    session       INTEGER NOT NULL,
    id            TEXT NOT NULL,
    lid           TEXT,
    -- As the account's address book says; the others as the person says.
    name          TEXT,
    short_name    TEXT,
    push_name     TEXT,
    business_name TEXT,
    -- Stands in the address book.
    saved         INTEGER NOT NULL,
    UNIQUE (session, id)
);
CREATE UNIQUE INDEX contacts_by_lid ON contacts (session, lid) WHERE lid IS NOT NULL;

-- How far a part of the history was read, so that a process that ends begins where it was.
CREATE TABLE history_parts (
    session INTEGER NOT NULL,
    part    TEXT NOT NULL,
    done    INTEGER NOT NULL,
    -- How often reading it began since the last step that got done.
    attempts INTEGER NOT NULL,
    UNIQUE (session, part)
);

-- Reactions, edits and deletions of one chat, which go with it.
CREATE INDEX messages_hidden ON messages (session, chat, timestamp_s) WHERE hidden = 1;

-- What is known from the messages until here. How many were read on the phone is not.
INSERT INTO chats (session, id, last_s, unread, marked_unread, archived)
SELECT session, chat, max(timestamp_s), 0, 0, 0 FROM messages
WHERE hidden = 0 AND chat NOT LIKE '%@broadcast' AND chat NOT LIKE '%@newsletter'
GROUP BY session, chat;

INSERT OR IGNORE INTO contacts (session, id, lid, push_name, saved)
SELECT session, sender,
    CASE WHEN sender LIKE '%@c.us' THEN CASE
        WHEN participant <> '' AND wire_participant LIKE '%@lid' THEN wire_participant
        WHEN participant <> '' AND wire_participant_alt LIKE '%@lid' THEN wire_participant_alt
        WHEN participant = '' AND wire_chat LIKE '%@lid' THEN wire_chat
        WHEN participant = '' AND wire_chat_alt LIKE '%@lid' THEN wire_chat_alt
    END END,
    push_name, 0
FROM (
    SELECT session, sender, participant, wire_participant, wire_participant_alt, wire_chat, wire_chat_alt, push_name,
        max(seq)
    FROM messages
    WHERE from_me = 0 AND (sender LIKE '%@c.us' OR sender LIKE '%@lid')
    GROUP BY session, sender
);
-- Whom this account wrote to and has no word of.
INSERT OR IGNORE INTO contacts (session, id, saved)
SELECT session, id, 0 FROM chats WHERE id LIKE '%@c.us' OR id LIKE '%@lid';

-- The newest message of a person may not say both names; any other that does is as good, also one of this account.
UPDATE OR IGNORE contacts SET lid = pair.lid
FROM (
    SELECT session, chat AS id, CASE WHEN wire_chat LIKE '%@lid' THEN wire_chat ELSE wire_chat_alt END AS lid
    FROM messages
    WHERE participant = '' AND chat LIKE '%@c.us' AND (wire_chat LIKE '%@lid' OR wire_chat_alt LIKE '%@lid')
    GROUP BY session, chat
    UNION
    SELECT session, sender, CASE WHEN wire_participant LIKE '%@lid' THEN wire_participant ELSE wire_participant_alt END
    FROM messages
    WHERE from_me = 0 AND participant <> '' AND sender LIKE '%@c.us'
        AND (wire_participant LIKE '%@lid' OR wire_participant_alt LIKE '%@lid')
    GROUP BY session, sender
) AS pair
WHERE contacts.session = pair.session AND contacts.id = pair.id AND contacts.lid IS NULL;

-- Who has rows under both names becomes one person with one chat, as whenever the names are seen together.
UPDATE contacts SET push_name = COALESCE(contacts.push_name, other.push_name)
FROM contacts AS other
WHERE other.session = contacts.session AND other.id = contacts.lid AND other.id <> contacts.id;

DELETE FROM contacts WHERE EXISTS (
    SELECT 1 FROM contacts AS known
    WHERE known.session = contacts.session AND known.lid = contacts.id AND known.id <> contacts.id);

INSERT INTO chats (session, id, last_s, unread, marked_unread, archived)
SELECT chats.session, contacts.id, chats.last_s, 0, 0, 0
FROM chats JOIN contacts ON contacts.session = chats.session AND contacts.lid = chats.id
WHERE contacts.id <> chats.id
ON CONFLICT (session, id) DO UPDATE SET last_s = max(chats.last_s, excluded.last_s);

DELETE FROM chats WHERE EXISTS (
    SELECT 1 FROM contacts
    WHERE contacts.session = chats.session AND contacts.lid = chats.id AND contacts.id <> chats.id);
