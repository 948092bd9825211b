-- What was watched of a spot pool, by the age of its capacity. Pools are shared by all environments of a
-- region and account.
CREATE TABLE watched_pools (
    -- The region, with an account other than our own before it: 123456789012:eu-west-1.
    place            TEXT    NOT NULL,
    zone             TEXT    NOT NULL,
    instance_type    TEXT    NOT NULL,
    -- JSON: seconds and interruptions by age, and the latest times that are counted.
    doc              TEXT    NOT NULL,
    PRIMARY KEY (place, instance_type, zone)
) STRICT, WITHOUT ROWID;
