CREATE TABLE log (
    seq         INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    change_set  INTEGER,
    body        BLOB NOT NULL,
    prev_hash   BLOB NOT NULL CHECK (length(prev_hash) = 32),
    hash        BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX log_change_set ON log (change_set, seq) WHERE change_set IS NOT NULL;
CREATE TRIGGER log_gapless BEFORE INSERT ON log
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM log)
    BEGIN SELECT RAISE(ABORT, 'the log has no gaps'); END;
CREATE TRIGGER log_no_update BEFORE UPDATE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE snapshot (
    id       TEXT PRIMARY KEY,
    target   TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    good_at  INTEGER,
    body     BLOB NOT NULL
) STRICT;
CREATE INDEX snapshot_target ON snapshot (target, last_at);

CREATE TABLE node (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE edge (
    edge_id    BLOB PRIMARY KEY,
    scope      TEXT NOT NULL,
    src        TEXT NOT NULL,
    dst        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    confidence REAL NOT NULL,
    constraint_id TEXT,
    rule       TEXT,
    evidence   TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER NOT NULL CHECK (valid_to > valid_from),
    seq        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX edge_line ON edge (scope, src, dst, kind, valid_from);
CREATE INDEX edge_time ON edge (valid_to);
CREATE TABLE setting (
    target     TEXT NOT NULL,
    name       TEXT NOT NULL,
    place      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    value      TEXT,
    author     TEXT NOT NULL,
    change_set INTEGER,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (target, name, place, changed_at)
) STRICT, WITHOUT ROWID;
CREATE TABLE applied (
    stream INTEGER PRIMARY KEY,
    seq    INTEGER NOT NULL
) STRICT;
