-- What people asked of a running daemon, and what is in force because of it.

-- Jobs of which nothing starts. `scope` is a job's name, or `*` for all jobs: no job is called so.
CREATE TABLE pauses (
    scope TEXT NOT NULL PRIMARY KEY,
    doc   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Classes that are kept on capacity that is not taken back.
CREATE TABLE class_overrides (
    class TEXT NOT NULL PRIMARY KEY,
    doc   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every command and what came of it, refused ones too, written with what it changed. `key` is the
-- client's own name of its request: the second request of that name changes nothing.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT    NOT NULL,
    key    TEXT,
    doc    TEXT    NOT NULL,
    UNIQUE (person, key)
) STRICT;

-- Lists go newest first.
CREATE INDEX audit_by_time ON audit (at);
