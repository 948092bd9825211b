-- What a day's bill said beside the ledger, by environment: a JSON document of sums. The last
-- reconciliation of a day replaces the one before.
CREATE TABLE reconciled (
    environment TEXT NOT NULL,
    day         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    doc         TEXT NOT NULL,
    PRIMARY KEY (environment, day)
) STRICT, WITHOUT ROWID;
