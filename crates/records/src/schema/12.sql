-- What people state about a patient beside notes, by topic: wishes, reasons, judgements of adverse events, schedules of
-- questions and their answers, results about genes. A later entry on the same subject tells how it now stands; none is
-- changed. `key` marks what was sent twice.
CREATE TABLE care_entry (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER NOT NULL REFERENCES patient (id),
    topic   TEXT    NOT NULL CHECK (topic IN ('wish', 'reason', 'harm', 'schedule', 'report', 'genome')),
    subject TEXT    NOT NULL CHECK (subject <> ''),
    key     TEXT,
    json    TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL
) STRICT;
CREATE INDEX care_entry_patient ON care_entry (patient, topic, id);
CREATE INDEX care_entry_topic ON care_entry (topic, id);
CREATE UNIQUE INDEX care_entry_key ON care_entry (patient, topic, key) WHERE key IS NOT NULL;

CREATE TRIGGER care_entry_fixed BEFORE UPDATE ON care_entry
BEGIN SELECT RAISE(ABORT, 'append-only: care_entry'); END;
CREATE TRIGGER care_entry_stays BEFORE DELETE ON care_entry
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: care_entry'); END;
