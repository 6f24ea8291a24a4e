-- The addresses of repositories may have logins, and ended sessions need none. The name of a user in an
-- address of SSH is no secret.
UPDATE sessions SET launch = (
    SELECT json_set(
        sessions.launch,
        '$.source',
        scheme || substr(authority, instr(authority, '@') + 1) || substr(rest, length(authority) + 1)
    )
    FROM (
        SELECT scheme, rest, substr(rest, 1, instr(rest || '/', '/') - 1) AS authority
        FROM (
            SELECT
                substr(source, 1, instr(source, '://') + 2) AS scheme,
                substr(source, instr(source, '://') + 3) AS rest
            FROM (SELECT sessions.launch ->> '$.source' AS source)
        )
    )
)
WHERE status IN ('stopped', 'completed', 'failed', 'cancelled')
AND launch ->> '$.source' LIKE 'http%://%@%';

UPDATE repositories SET source = address
WHERE source <> address AND NOT EXISTS (
    SELECT 1 FROM sessions
    WHERE status NOT IN ('stopped', 'completed', 'failed', 'cancelled')
    AND launch ->> '$.source' = repositories.source
);
