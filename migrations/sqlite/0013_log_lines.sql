-- The log lines of a session, with every column that they are selected by, so that listing and
-- counting them reads no other event.
CREATE INDEX events_log_lines ON events (session, seq, level, ts) WHERE type = 'log';
