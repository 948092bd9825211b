-- Legs whose name was sent again after the look-ups had not shown it. The name is looked at a few times
-- more: should the first call have arrived after all, there are two jobs. Few rows, for a few hours each.
CREATE TABLE resends (
    name TEXT NOT NULL PRIMARY KEY,
    doc  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
