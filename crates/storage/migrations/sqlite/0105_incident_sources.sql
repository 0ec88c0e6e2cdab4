-- Monitors and gateways keep their incidents and alerts in one database. source: 0 a monitor, 1 a gateway about its own sessions.
ALTER TABLE incidents ADD COLUMN source INTEGER NOT NULL DEFAULT 0;
-- How often it was seen: what comes and goes is one incident.
ALTER TABLE incidents ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE alerts ADD COLUMN source INTEGER NOT NULL DEFAULT 0;
