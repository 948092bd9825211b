-- How long jobs took: a JSON document of the lengths that their attempts showed.
CREATE TABLE durations (
    job TEXT NOT NULL PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;
