-- What is long is read in pages, and what is old is found, without looking at the rest.

-- All messages of a session in the order of their time. With the length of what they hold, so that their size is summed
-- up without reading them.
CREATE INDEX messages_of_session ON messages (session, timestamp_s, seq, length(proto));

-- Dead letters of one session in their order, and those that are old enough to be forgotten.
DROP INDEX outbox_dead;
CREATE INDEX outbox_dead ON outbox (session, id) WHERE state = 2;
CREATE INDEX outbox_ended ON outbox (ended_ms) WHERE state = 2;
