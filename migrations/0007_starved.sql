-- When an environment last had no capacity, as long as nothing ran there since: another thing than an
-- interruption, which is one pool's.
ALTER TABLE experience ADD COLUMN starved_at INTEGER;
