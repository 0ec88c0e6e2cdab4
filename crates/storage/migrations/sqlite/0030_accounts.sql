-- Whose the rows of a session are: the account that was linked last, kept after a logout. When another one links,
-- the rows of the former go under the name `<session>/<its id>`, which no session can have.
CREATE TABLE session_accounts (
    session TEXT PRIMARY KEY NOT NULL,
    id      TEXT NOT NULL,
    lid     TEXT
);

INSERT INTO session_accounts (session, id, lid)
SELECT name, json_extract(me_json, '$.id'), json_extract(me_json, '$.lid') FROM sessions
WHERE json_valid(me_json) AND json_extract(me_json, '$.id') IS NOT NULL;

-- Of a session that is logged out its newest message tells.
INSERT OR IGNORE INTO session_accounts (session, id)
SELECT name, account FROM (
    SELECT name, (
        SELECT CASE from_me WHEN 1 THEN json_extract(payload_json, '$.from') ELSE json_extract(payload_json, '$.to') END
        FROM messages WHERE session = name AND hidden = 0 AND json_valid(payload_json) ORDER BY seq DESC LIMIT 1
    ) AS account FROM sessions
) WHERE account LIKE '%@c.us';
