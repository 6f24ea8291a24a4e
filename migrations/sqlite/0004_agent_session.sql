-- What a session's agent calls it: what the agent would be asked for to go on with it in another
-- process. Absent until the agent has told it, and for good with one that does not.
ALTER TABLE sessions ADD COLUMN agent_session_id TEXT;
