CREATE TABLE series (
    id     INTEGER PRIMARY KEY,
    target TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE head (
    series INTEGER NOT NULL REFERENCES series (id),
    at     INTEGER NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (series, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
    id     INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id),
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    body   BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_series ON chunk (series, first_at);
CREATE INDEX chunk_age ON chunk (last_at);
