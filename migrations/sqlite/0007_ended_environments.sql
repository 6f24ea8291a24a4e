-- The environments of agents may hold secrets, and ended sessions need none.
UPDATE sessions SET launch = json_remove(launch, '$.env')
WHERE status IN ('stopped', 'completed', 'failed', 'cancelled') AND launch -> '$.env' IS NOT NULL;
