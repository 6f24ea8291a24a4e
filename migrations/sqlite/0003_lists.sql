-- What lists of sessions are made of, so that a page of thousands reads the rows of that page only:
-- a row is as large as its prompt, and these are not.

-- Every column that a list is ordered or filtered by.
CREATE INDEX sessions_listed ON sessions (
    created_at, key, status, hidden, agent_type, task_id, project_id, tenant_id
);
DROP INDEX sessions_by_age;

-- What lists leave out unless it is asked for. There are few of them, so that the length of a list
-- is the length of the table without these.
CREATE INDEX sessions_left_out ON sessions (key) WHERE hidden OR status = 'cancelled';
