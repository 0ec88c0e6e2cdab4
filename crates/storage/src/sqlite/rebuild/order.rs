//! What was read out of a damaged database is put in order: names that are lost are found again where they can be, what
//! refers to rows that are gone goes, and no number is given twice.

/// One after the other, on a database of the newest schema.
pub(super) const STATEMENTS: [&str; 10] = [
    // Rows know their session by a number. The name of one whose own row is lost stands in what its events say, ...
    "INSERT OR IGNORE INTO sessions (id, name)
         SELECT session, json_extract('{' || rest, '$.session') FROM events
         WHERE session NOT IN (SELECT id FROM sessions) AND json_valid('{' || rest)
             AND json_extract('{' || rest, '$.session') IS NOT NULL
         ORDER BY session, number DESC",
    // ... else its rows are kept under a name that no session has.
    "INSERT OR IGNORE INTO sessions (id, name)
         SELECT session, 'lost/' || session FROM (
             SELECT session FROM messages UNION SELECT session FROM sends UNION SELECT session FROM events)
         WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM generations WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM session_accounts WHERE session NOT IN (SELECT id FROM sessions)",
    // Whose the rows of a session are, where that cannot be read: as migration 0030 says it, and also of sessions whose own
    // row cannot be read.
    "INSERT OR IGNORE INTO session_accounts (session, id, lid)
         SELECT id, json_extract(me_json, '$.id'), json_extract(me_json, '$.lid') FROM sessions
         WHERE json_valid(me_json) AND json_extract(me_json, '$.id') IS NOT NULL",
    "INSERT OR IGNORE INTO session_accounts (session, id)
         SELECT id, account FROM (
             SELECT id, (
                 SELECT account FROM messages
                 WHERE messages.session = sessions.id AND hidden = 0 AND account IS NOT NULL
                 ORDER BY seq DESC LIMIT 1
             ) AS account
             FROM sessions WHERE home IS NULL
         ) WHERE account LIKE '%@c.us'",
    "DELETE FROM outbox WHERE NOT EXISTS
         (SELECT 1 FROM events WHERE events.session = outbox.session AND events.number = outbox.number)",
    "DELETE FROM attempts WHERE delivery NOT IN (SELECT id FROM outbox)",
    "DELETE FROM incident_steps WHERE incident NOT IN (SELECT id FROM incidents)",
    // No number that an event has is given again, nor one of a former number's events.
    "UPDATE sessions SET last_event = max(last_event, COALESCE((
         SELECT max(number) FROM events
         WHERE events.session IN (SELECT member.id FROM sessions AS member
             WHERE member.id = sessions.id OR member.home = sessions.id)), 0))",
];
