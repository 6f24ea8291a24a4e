-- The labels of sessions, which lists are filtered by. They never change.
CREATE TABLE session_labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (key),
    PRIMARY KEY (name, value, session)
) STRICT, WITHOUT ROWID;

INSERT INTO session_labels (name, value, session)
SELECT label.key, label.value, sessions.key
FROM sessions, json_each(sessions.body, '$.labels') AS label;
