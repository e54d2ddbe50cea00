-- Signed notes on their way back to the hospital's record. A target is one place to which they go; what was signed before
-- it was named is not sent.
CREATE TABLE delivery_target (
    target TEXT PRIMARY KEY,
    author TEXT NOT NULL,
    at     TEXT NOT NULL
) STRICT;

-- What waits: the newest version of each note of a real patient, for each target. Derived from what is signed.
CREATE TABLE delivery_due (
    target   TEXT    NOT NULL,
    document INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    PRIMARY KEY (target, document)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER delivery_waits AFTER INSERT ON document_version
WHEN EXISTS (SELECT 1 FROM delivery_target) AND (SELECT dummy FROM patient WHERE id = NEW.patient) = 0
BEGIN
    INSERT INTO delivery_due SELECT target, NEW.document, NEW.version FROM delivery_target WHERE true
    ON CONFLICT DO UPDATE SET version = excluded.version;
END;

-- Every attempt, with what the other side said.
CREATE TABLE delivery (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    target   TEXT    NOT NULL,
    patient  INTEGER NOT NULL REFERENCES patient (id),
    document INTEGER NOT NULL REFERENCES document (id),
    version  INTEGER NOT NULL,
    outcome  TEXT    NOT NULL CHECK (outcome IN ('delivered', 'refused', 'failed')),
    control  TEXT    NOT NULL,
    answer   TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    at       TEXT    NOT NULL
) STRICT;
CREATE INDEX delivery_document ON delivery (document);
CREATE INDEX delivery_patient ON delivery (patient);
CREATE TRIGGER delivery_fixed BEFORE UPDATE ON delivery
BEGIN SELECT RAISE(ABORT, 'append-only: delivery'); END;
CREATE TRIGGER delivery_stays BEFORE DELETE ON delivery WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: delivery'); END;
