//! What was read out of a damaged database is put in order: names that are lost are found again where they can be, what
//! refers to rows that are gone goes, and no number is given twice.

/// One after the other, on a database of the newest schema.
pub(super) const STATEMENTS: [&str; 21] = [
    // Rows know their session by a number. The name of one whose own row is lost stands in what its events say, ... But
    // those of a former number say the same name. They got their number later than their session, so a name is given to the
    // first that says it, and only where no earlier one is silent.
    "INSERT OR IGNORE INTO sessions (id, name)
         WITH lost (id) AS (
             SELECT session FROM messages UNION SELECT session FROM sends UNION SELECT session FROM events
             EXCEPT SELECT id FROM sessions
         ), told (id, name) AS (
             SELECT session, max(json_extract('{' || rest, '$.session')) FROM events
             WHERE session IN (SELECT id FROM lost) AND json_valid('{' || rest)
                 AND json_extract('{' || rest, '$.session') IS NOT NULL
             GROUP BY session
         )
         SELECT min(id), name FROM told
         WHERE NOT EXISTS (SELECT 1 FROM lost WHERE lost.id < told.id AND lost.id NOT IN (SELECT id FROM told))
         GROUP BY name",
    // ... else its rows are kept under a name that no session has.
    "INSERT OR IGNORE INTO sessions (id, name)
         SELECT session, 'lost/' || session FROM (
             SELECT session FROM messages UNION SELECT session FROM sends UNION SELECT session FROM events)
         WHERE session NOT IN (SELECT id FROM sessions)",
    // Rows of a former number are set apart under a name that begins with their session's.
    "INSERT OR IGNORE INTO sessions (name)
         SELECT substr(name, 1, instr(name, '/') - 1) FROM sessions WHERE instr(name, '/') > 0 AND name NOT LIKE 'lost/%'",
    "UPDATE sessions SET home = (
             SELECT id FROM sessions AS own WHERE own.name = substr(sessions.name, 1, instr(sessions.name, '/') - 1))
         WHERE home IS NULL AND instr(name, '/') > 0",
    "DELETE FROM generations WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM session_accounts WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM bulk_sends WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM bulk_recipients WHERE bulk NOT IN (SELECT seq FROM bulk_sends)",
    // WhatsApp's app state gives them again.
    "DELETE FROM labels WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM label_chats WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM chats WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM contacts WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM history_parts WHERE session NOT IN (SELECT id FROM sessions)",
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
    // A key whose session is lost would be good for whatever gets its number.
    "DELETE FROM api_keys WHERE session IS NOT NULL AND session NOT IN (SELECT id FROM sessions)",
    // How far places were given is not known any more: they go on far above, and whoever reads on is told of a gap.
    "UPDATE event_log SET last = 1000000 + max(last, COALESCE((SELECT max(place) FROM events), 0),
             COALESCE((SELECT max(since) FROM event_readers), 0)),
         forgotten = 1000000 + max(last, COALESCE((SELECT max(place) FROM events), 0),
             COALESCE((SELECT max(since) FROM event_readers), 0))",
    // No number that an event has is given again, nor one of a former number's events.
    "UPDATE sessions SET last_event = max(last_event, COALESCE((
         SELECT max(number) FROM events
         WHERE events.session IN (SELECT member.id FROM sessions AS member
             WHERE member.id = sessions.id OR member.home = sessions.id)), 0))",
];
