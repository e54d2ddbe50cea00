-- What patients ask to have corrected in their record, and what was answered.
CREATE TABLE amendment_request (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER NOT NULL REFERENCES patient (id),
    about   TEXT    NOT NULL,
    words   TEXT    NOT NULL CHECK (words <> ''),
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    UNIQUE (patient, key)
) STRICT;
CREATE TABLE amendment_answer (
    request INTEGER PRIMARY KEY REFERENCES amendment_request (id),
    patient INTEGER NOT NULL REFERENCES patient (id),
    outcome TEXT    NOT NULL CHECK (outcome IN ('corrected', 'kept')),
    words   TEXT    NOT NULL CHECK (words <> ''),
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL
) STRICT;
CREATE INDEX amendment_answer_patient ON amendment_answer (patient);

CREATE TRIGGER amendment_request_fixed BEFORE UPDATE ON amendment_request
BEGIN SELECT RAISE(ABORT, 'append-only: amendment_request'); END;
CREATE TRIGGER amendment_request_stays BEFORE DELETE ON amendment_request
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: amendment_request'); END;
CREATE TRIGGER amendment_answer_fixed BEFORE UPDATE ON amendment_answer
BEGIN SELECT RAISE(ABORT, 'append-only: amendment_answer'); END;
CREATE TRIGGER amendment_answer_stays BEFORE DELETE ON amendment_answer
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: amendment_answer'); END;
