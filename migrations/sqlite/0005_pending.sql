-- The rows that a decision reads. Their number does not grow with the length of a session.
CREATE INDEX prompts_pending ON prompts (session, key) WHERE state IN ('queued', 'withdrawn');
CREATE INDEX prompts_taken ON prompts (session, key) WHERE state = 'delivered' AND delivery = 'queue';
CREATE INDEX permissions_pending ON permissions (session, key) WHERE state IN ('pending', 'answered');
