-- The images, sounds and documents of sessions, by the hash of their content, in parts of bounded
-- size as recorders send them.
CREATE TABLE attachments (
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    -- The position of the part, in bytes.
    start INTEGER NOT NULL,
    -- The size of the whole, in bytes.
    size INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (session, hash, start)
) STRICT;
