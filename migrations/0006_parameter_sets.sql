-- Runs of parameter sets: several a scheduled time. `set_key` is the end of such a run's id, and empty
-- for a run that is alone.
ALTER TABLE runs ADD COLUMN set_key TEXT NOT NULL DEFAULT '';

-- Templates ask for the last success of a job, with one set.
CREATE INDEX runs_succeeded ON runs (job, set_key, scheduled_for) WHERE state = 'succeeded';
