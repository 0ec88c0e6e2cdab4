-- Who is to see a status update, as the wire names them, with spaces between; empty for every other send. A send that is
-- repeated after a crash, and the deletion of a status, go to the same people.
ALTER TABLE sends ADD COLUMN recipients TEXT NOT NULL DEFAULT '';
