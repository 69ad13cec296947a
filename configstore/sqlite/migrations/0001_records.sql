-- Times are microseconds since 1970, UTC.
CREATE TABLE records (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    data       BLOB    NOT NULL,
    rev        INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- One row: the configuration's revision, and the last version given to a state value.
CREATE TABLE meta (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    revision      INTEGER NOT NULL,
    state_version INTEGER NOT NULL
);
INSERT INTO meta VALUES (1, 0, 0);

CREATE TABLE state (
    bucket     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    val        BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (bucket, key)
);
CREATE INDEX state_expires ON state (expires_at) WHERE expires_at IS NOT NULL;
