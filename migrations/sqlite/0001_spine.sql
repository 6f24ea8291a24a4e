-- Tasks, their sessions, the sessions' logs, and drafts.
--
-- Ids are the text that clients see; times are milliseconds since the Unix epoch; what has
-- structure and is never searched by is JSON text. A session's rows refer to it by its `key`, an
-- integer, since the text of an id in every event would be a tenth of the log.

CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    -- Grows in the order of creation, and within a task in the order of its request.
    key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    tenant_id TEXT,
    project_id TEXT,
    agent_type TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    -- 0 normal, 1 high.
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    activity TEXT,
    reason TEXT,
    exit_code INTEGER,
    commit_id TEXT,
    workspace TEXT,
    changes TEXT,
    usage TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    -- What never changes and is never searched by: the prompt, the labels, the settings.
    body TEXT NOT NULL,
    -- What it takes to launch it, secrets included; never shown.
    launch TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT,
    lease_expires_at INTEGER,
    ending TEXT,
    interrupt_requested INTEGER NOT NULL,
    last_turn TEXT,
    journal INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    -- An owner has a lease, and a lease has an owner.
    CHECK ((owner IS NULL) = (lease_expires_at IS NULL))
) STRICT;

-- The scheduler's order within `queued`, and every other question about a status.
CREATE INDEX sessions_by_status ON sessions (status, priority DESC, created_at, key);
CREATE INDEX sessions_by_age ON sessions (created_at, key);
CREATE INDEX sessions_by_task ON sessions (task_id, key);
CREATE INDEX sessions_by_owner ON sessions (owner) WHERE owner IS NOT NULL;

CREATE TABLE events (
    -- The order of commits over all sessions. Never used twice, so that it can be a cursor.
    key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (key),
    seq INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    type TEXT NOT NULL,
    -- Only of log events.
    level TEXT,
    -- The whole wire form.
    json TEXT NOT NULL,
    UNIQUE (session, seq)
) STRICT;

-- What a card of the session shows: see `recent_events` below.
CREATE INDEX events_recent ON events (session, seq)
WHERE type IN ('thought', 'tool_use', 'tool_result', 'file_edit');

-- A session with its last thoughts, tool runs and edits, the newest first; none once it ended.
CREATE VIEW session_records AS
SELECT
    sessions.*,
    CASE
        WHEN status IN ('stopped', 'completed', 'failed', 'cancelled') THEN '[]'
        ELSE (
            SELECT json_group_array(json)
            FROM (
                SELECT json
                FROM events
                WHERE session = sessions.key
                AND type IN ('thought', 'tool_use', 'tool_result', 'file_edit')
                ORDER BY seq DESC
                LIMIT 3
            )
        )
    END AS recent_events
FROM sessions;

CREATE TABLE prompts (
    key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (key),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    delivery TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (session, id)
) STRICT;

CREATE INDEX prompts_by_session ON prompts (session, key);

CREATE TABLE permissions (
    key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (key),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    request TEXT NOT NULL,
    -- The answer that the agent was not yet told, and who gave it.
    answer TEXT,
    answered_by TEXT,
    resolution TEXT,
    UNIQUE (session, id)
) STRICT;

CREATE INDEX permissions_by_session ON permissions (session, key);

CREATE TABLE drafts (
    id TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX drafts_by_update ON drafts (updated_at, id);

CREATE TABLE repositories (
    id TEXT NOT NULL PRIMARY KEY,
    -- Without credentials: what tells one repository from another.
    address TEXT NOT NULL UNIQUE,
    -- As the last task gave it, credentials included.
    source TEXT NOT NULL,
    display_name TEXT NOT NULL,
    scm_provider TEXT NOT NULL,
    default_branch TEXT,
    last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX repositories_by_use ON repositories (last_used_at, id);

-- Counts up with whatever may give an engine something to claim.
CREATE TABLE work (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO work (only, revision) VALUES (1, 0);
