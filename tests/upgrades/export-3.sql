PRAGMA application_id = 1752395896;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE announced (
    instrument TEXT NOT NULL, attributes TEXT NOT NULL, start INTEGER NOT NULL, base TEXT, idle TEXT,
    PRIMARY KEY (instrument, attributes)
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "meta" VALUES('cursor',65536);
INSERT INTO "meta" VALUES('enabled',1);
CREATE TABLE refused (key INTEGER PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL);
COMMIT;
