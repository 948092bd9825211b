-- When an environment's breaker opened, and how often without a success between. Of older stores every
-- breaker is closed.
ALTER TABLE experience ADD COLUMN opened_at INTEGER;
ALTER TABLE experience ADD COLUMN trips INTEGER NOT NULL DEFAULT 0;

-- Where the legs of each class went last, and since when.
CREATE TABLE choices (
    class       TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
