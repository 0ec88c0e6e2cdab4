-- Labels of chats, as WhatsApp's app state has them: what each is called, and which chats have it. A label that was deleted
-- keeps its row, so that its id is not given to another one.
CREATE TABLE labels (
    session INTEGER NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT NOT NULL,
    color   INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    -- The whole action (SyncActionValue.LabelEditAction), of which a later change keeps what it does not name.
    action  BLOB NOT NULL,
    PRIMARY KEY (session, id)
);

-- The chat as callers know it, and as the action's index names it.
CREATE TABLE label_chats (
    session INTEGER NOT NULL,
    label   TEXT NOT NULL,
    chat    TEXT NOT NULL,
    wire    TEXT NOT NULL,
    PRIMARY KEY (session, label, chat)
);
CREATE INDEX label_chats_by_chat ON label_chats (session, chat);
