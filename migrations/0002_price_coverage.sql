-- Up to when the archive of spot prices is complete, by region and type. What lies between two lives
-- of the daemon is fetched by the next one, however long it was away.
CREATE TABLE price_coverage (
    region         TEXT    NOT NULL,
    instance_type  TEXT    NOT NULL,
    complete_until INTEGER NOT NULL,
    PRIMARY KEY (region, instance_type)
) STRICT, WITHOUT ROWID;

-- Instances that ended lately: what is seen of them once more must not overwrite the first sighting.
CREATE INDEX instances_by_end ON instances (ended_at);
