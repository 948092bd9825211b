-- Scheduled times that have no run, and why: one row a job, reason and moment of finding out.
CREATE TABLE skips (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    job  TEXT    NOT NULL,
    last INTEGER NOT NULL,
    doc  TEXT    NOT NULL
) STRICT;

-- Lists go newest first, often for one job.
CREATE INDEX skips_by_time ON skips (last, job);
