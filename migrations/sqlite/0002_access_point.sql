-- What serving strangers over a network takes: replies that are given again, and keys.

-- What a request with an idempotency key was replied, written with the work that it did.
CREATE TABLE replies (
    -- Who asked, for what, under which key: see `Reply` of the port.
    key TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX replies_by_expiry ON replies (expires_at);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- SHA-256 of the whole key in hexadecimal; the key itself is nowhere.
    hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
