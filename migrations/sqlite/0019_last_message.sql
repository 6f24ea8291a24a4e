-- The excerpt of the agent's last message (`Session.lastMessage`). Sessions that exist get that of
-- the texts of their last message.
ALTER TABLE sessions ADD COLUMN last_message TEXT;

UPDATE sessions SET last_message = (
    SELECT iif(
        length(message.text) > 500, rtrim(substr(message.text, 1, 500)) || '…', message.text
    )
    FROM (
        SELECT seq, (
            SELECT trim(
                group_concat(block.value ->> 'text', char(10) ORDER BY block.key),
                char(32, 9, 10, 13)
            )
            FROM json_each(events.json, '$.content') AS block
        ) AS text
        FROM events
        WHERE session = sessions.key AND type = 'message' AND json ->> 'role' = 'assistant'
        ORDER BY seq DESC
    ) AS message
    WHERE message.text <> ''
    LIMIT 1
);
