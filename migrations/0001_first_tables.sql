-- The first tables.
--
-- How to read them:
--   * A time is an integer: nanoseconds since 1970-01-01 UTC. `datetime(ended_at / 1000000000,
--     'unixepoch')` shows it.
--   * `doc` is the whole value as JSON, as the program's types define it. Columns next to it repeat
--     what queries filter, sort or sum by, and nothing else.
--   * Money is an integer of nano-USD (10^-9); a price per hour is an integer of 10^-10 USD.
--   * STRICT makes SQLite refuse a value of the wrong type. A sum that leaves 64 bits becomes a REAL
--     there and is refused too, so a total can fail but never turn approximate.

-- One row. `identity` says whose data this is. `epoch` is raised by every process that opens the
-- file for writing, and compared in every transaction: whoever finds a higher one was replaced.
CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    identity TEXT    NOT NULL,
    epoch    INTEGER NOT NULL
) STRICT;

-- One row a run, rewritten with each of its changes. `version` is what makes two writers of one
-- run notice each other.
CREATE TABLE runs (
    id            TEXT    NOT NULL PRIMARY KEY,
    job           TEXT    NOT NULL,
    class         TEXT    NOT NULL,
    scheduled_for INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    is_open       INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    version       INTEGER NOT NULL,
    doc           TEXT    NOT NULL
) STRICT;

-- Lists go newest first, often for one job or class: those are filtered without touching the rows.
CREATE INDEX runs_by_time ON runs (scheduled_for, job, class);
-- The few open ones among years of ended ones.
CREATE INDEX runs_open ON runs (id) WHERE is_open = 1;

-- A run's story, appended to. `doc` is the event without its run and time.
CREATE TABLE run_events (
    seq INTEGER PRIMARY KEY,
    run TEXT    NOT NULL REFERENCES runs (id),
    at  INTEGER NOT NULL,
    doc TEXT    NOT NULL
) STRICT;

CREATE INDEX run_events_by_run ON run_events (run);

-- One row an attempt, rewritten while more of it becomes known. `child` is -1 outside array jobs.
-- `settled` becomes 1 when the ledger has an entry that no longer changes by itself.
CREATE TABLE attempts (
    run        TEXT    NOT NULL REFERENCES runs (id),
    leg        INTEGER NOT NULL,
    child      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    stopped_at INTEGER,
    settled    INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    doc        TEXT    NOT NULL,
    PRIMARY KEY (run, leg, child, number)
) STRICT;

-- What the ledger still has to look at: small however old the store is.
CREATE INDEX attempts_unsettled ON attempts (run, leg, child, number)
    WHERE settled = 0 AND stopped_at IS NOT NULL;

-- The ledger: one line an attempt. Amounts are NULL where the attempt has no price.
CREATE TABLE entries (
    run             TEXT    NOT NULL,
    leg             INTEGER NOT NULL,
    child           INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    job             TEXT    NOT NULL,
    class           TEXT    NOT NULL,
    environment     TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('provisional', 'final', 'unpriced')),
    ended_at        INTEGER NOT NULL,
    cost_nanos      INTEGER,
    on_demand_nanos INTEGER,
    waste_nanos     INTEGER,
    doc             TEXT    NOT NULL,
    PRIMARY KEY (run, leg, child, number),
    FOREIGN KEY (run, leg, child, number) REFERENCES attempts (run, leg, child, number)
) STRICT;

CREATE INDEX entries_by_end ON entries (ended_at);
CREATE INDEX entries_provisional ON entries (run, leg, child, number)
    WHERE state = 'provisional';

-- Up to when each schedule (job, expression and zone) was dealt with.
CREATE TABLE handled (
    schedule TEXT    NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Exact running totals, written with the facts they count. `counter` is the counter's JSON.
CREATE TABLE counters (
    counter TEXT    NOT NULL PRIMARY KEY,
    value   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- EC2 instances that ran attempts, kept because AWS forgets them within the hour.
CREATE TABLE instances (
    id       TEXT    NOT NULL PRIMARY KEY,
    ended_at INTEGER,
    doc      TEXT    NOT NULL
) STRICT;

CREATE INDEX instances_live ON instances (id) WHERE ended_at IS NULL;

-- What an instance type offers.
CREATE TABLE shapes (
    instance_type TEXT    NOT NULL PRIMARY KEY,
    vcpus         INTEGER NOT NULL,
    memory_mib    INTEGER NOT NULL,
    gpus          INTEGER NOT NULL,
    architecture  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The archive of spot prices, beyond AWS's 90 days: one row a change point. A zone's name begins
-- with its region's.
CREATE TABLE price_points (
    zone           TEXT    NOT NULL,
    instance_type  TEXT    NOT NULL,
    effective_from INTEGER NOT NULL,
    units          INTEGER NOT NULL,
    PRIMARY KEY (zone, instance_type, effective_from)
) STRICT, WITHOUT ROWID;

-- On-demand list prices, with their past.
CREATE TABLE list_prices (
    region         TEXT    NOT NULL,
    instance_type  TEXT    NOT NULL,
    effective_from INTEGER NOT NULL,
    units          INTEGER NOT NULL,
    PRIMARY KEY (region, instance_type, effective_from)
) STRICT, WITHOUT ROWID;

-- Fargate's list prices, with their past.
CREATE TABLE fargate_prices (
    region         TEXT    NOT NULL,
    architecture   TEXT    NOT NULL,
    effective_from INTEGER NOT NULL,
    vcpu_units     INTEGER NOT NULL,
    gib_units      INTEGER NOT NULL,
    PRIMARY KEY (region, architecture, effective_from)
) STRICT, WITHOUT ROWID;

-- The latest view of each environment's market, for the verbs that read.
CREATE TABLE environment_markets (
    environment TEXT NOT NULL PRIMARY KEY,
    doc         TEXT NOT NULL
) STRICT;

-- What was learnt of each environment.
CREATE TABLE experience (
    environment      TEXT    NOT NULL PRIMARY KEY,
    attempts         INTEGER NOT NULL,
    running_millis   INTEGER NOT NULL,
    interruptions    INTEGER NOT NULL,
    last_trouble     INTEGER,
    troubles_in_a_row INTEGER NOT NULL,
    -- Attempts by pool: a JSON list of [zone, type, count].
    placements       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
