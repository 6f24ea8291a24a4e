-- Receipts are opaque bytes. Replies had an HTTP status of their own; a status of 0 marks a body
-- that is already the bytes of a receipt.
CREATE TABLE receipts (
    -- The name of the request.
    key TEXT NOT NULL PRIMARY KEY,
    -- Distinguishes requests with the same key.
    fingerprint TEXT NOT NULL,
    bytes BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

INSERT INTO receipts (key, fingerprint, bytes, expires_at)
SELECT
    key,
    fingerprint,
    CAST(CASE status WHEN 0 THEN body ELSE status || char(10) || body END AS BLOB),
    expires_at
FROM replies;

DROP TABLE replies;

CREATE INDEX receipts_by_expiry ON receipts (expires_at);
