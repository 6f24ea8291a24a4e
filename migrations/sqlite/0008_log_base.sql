-- The first event of a new store has a random position, so that a reader's cursor from another store
-- is outside of the log and can be refused. Positions have at most 18 digits.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'events', abs(random() % 100000000000000000)
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events');
