-- When an environment's breaker opened, and how often without a success between. Of older stores every
-- breaker is closed.
ALTER TABLE experience ADD COLUMN opened_at INTEGER;
ALTER TABLE experience ADD COLUMN trips INTEGER NOT NULL DEFAULT 0;
