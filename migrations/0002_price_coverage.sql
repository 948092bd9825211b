-- Up to when the archive of spot prices is complete, by region and type. What lies between two lives
-- of the daemon is fetched by the next one, however long it was away.
CREATE TABLE price_coverage (
    region         TEXT    NOT NULL,
    instance_type  TEXT    NOT NULL,
    complete_until INTEGER NOT NULL,
    PRIMARY KEY (region, instance_type)
) STRICT, WITHOUT ROWID;
