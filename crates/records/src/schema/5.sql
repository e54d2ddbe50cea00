-- What other systems sent, as it came. A `reception` is one batch: one transaction, all of it or nothing. `way` says by
-- which door: command, watch, mllp, http, replay.
CREATE TABLE reception (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    dummy    INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    standard TEXT    NOT NULL,
    way      TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    at       TEXT    NOT NULL
) STRICT;

-- The bytes of one version of a statement (`observation`), and how the source orders and qualifies it. `issuer` and
-- `number` are those it came under, so that it is known whose it was whatever is linked later.
CREATE TABLE received (
    observation INTEGER PRIMARY KEY REFERENCES observation (id),
    reception   INTEGER NOT NULL REFERENCES reception (id),
    patient     INTEGER NOT NULL REFERENCES patient (id),
    issuer      TEXT    NOT NULL,
    number      TEXT    NOT NULL,
    file        TEXT    NOT NULL,
    line        INTEGER,
    field       TEXT,
    sequence    TEXT    NOT NULL,
    standing    TEXT    NOT NULL CHECK (standing IN ('valid', 'superseded', 'deleted')),
    evidence    TEXT    NOT NULL CHECK (evidence IN ('care', 'claim', 'personal')),
    charset     TEXT    NOT NULL,
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    bytes       BLOB    NOT NULL
) STRICT;
CREATE INDEX received_patient ON received (patient);
CREATE INDEX received_reception ON received (reception);

-- The FHIR resources of a statement. `json` is absent where the statement's bytes are the resource.
CREATE TABLE received_resource (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    observation INTEGER NOT NULL REFERENCES observation (id),
    number      INTEGER NOT NULL,
    patient     INTEGER NOT NULL REFERENCES patient (id),
    kind        TEXT    NOT NULL,
    json        BLOB,
    UNIQUE (observation, number)
) STRICT;
CREATE INDEX received_resource_patient ON received_resource (patient, kind);

-- The documents that were signed with the texts of a statement.
CREATE TABLE received_document (
    observation INTEGER NOT NULL REFERENCES observation (id),
    number      INTEGER NOT NULL,
    patient     INTEGER NOT NULL REFERENCES patient (id),
    document    INTEGER NOT NULL REFERENCES document (id),
    version     INTEGER NOT NULL,
    PRIMARY KEY (observation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX received_document_document ON received_document (document);

-- Which version of a statement counts: the one of the greatest sequence; of equal or absent ones, the last to come.
-- It follows `received`, and can be made again from it.
CREATE TABLE statement (
    patient     INTEGER NOT NULL REFERENCES patient (id),
    source      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    observation INTEGER NOT NULL REFERENCES observation (id),
    sequence    TEXT    NOT NULL,
    PRIMARY KEY (patient, source, key)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX statement_observation ON statement (observation);

-- Bytes that are no statement, and why (`problem`: JSON). A replay adds a row to the second table; the bytes stay.
CREATE TABLE dead_letter (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    reception INTEGER NOT NULL REFERENCES reception (id),
    dummy     INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    standard  TEXT    NOT NULL,
    file      TEXT    NOT NULL,
    line      INTEGER,
    code      TEXT    NOT NULL,
    problem   TEXT    NOT NULL,
    sha256    BLOB    NOT NULL CHECK (length(sha256) = 32),
    bytes     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX dead_letter_once ON dead_letter (dummy, standard, file, coalesce(line, 0), sha256);
CREATE TABLE dead_letter_replay (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    dead_letter INTEGER NOT NULL REFERENCES dead_letter (id),
    accepted    INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    author      TEXT    NOT NULL,
    at          TEXT    NOT NULL
) STRICT;
CREATE INDEX dead_letter_replay_letter ON dead_letter_replay (dead_letter);

-- The numbers of a person, each as its issuer gave it; the issuer '' is this site. Added to only.
CREATE TABLE patient_identifier (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER NOT NULL REFERENCES patient (id),
    dummy   INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    issuer  TEXT    NOT NULL,
    number  TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    UNIQUE (dummy, issuer, number)
) STRICT;
CREATE INDEX patient_identifier_patient ON patient_identifier (patient);
CREATE INDEX patient_identifier_number ON patient_identifier (dummy, number);

-- What was decided about two records: that they are one person's (`patient` goes into `survivor`), that they are not, or
-- that somebody should look. The newest decision counts; nothing is moved, so that it can be undone.
CREATE TABLE patient_link (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    patient  INTEGER NOT NULL REFERENCES patient (id),
    survivor INTEGER NOT NULL REFERENCES patient (id),
    state    TEXT    NOT NULL CHECK (state IN ('proposed', 'linked', 'unlinked', 'refused')),
    reason   TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    at       TEXT    NOT NULL,
    CHECK (patient <> survivor)
) STRICT;
CREATE INDEX patient_link_patient ON patient_link (patient);
CREATE INDEX patient_link_survivor ON patient_link (survivor);

-- Under which record a linked one is read now. It follows `patient_link`, and can be made again from it.
CREATE TABLE patient_merged (
    patient  INTEGER PRIMARY KEY REFERENCES patient (id),
    survivor INTEGER NOT NULL REFERENCES patient (id)
) STRICT;
CREATE INDEX patient_merged_survivor ON patient_merged (survivor);

CREATE TRIGGER reception_fixed BEFORE UPDATE ON reception
BEGIN SELECT RAISE(ABORT, 'append-only: reception'); END;
CREATE TRIGGER reception_stays BEFORE DELETE ON reception WHEN OLD.dummy = 0
BEGIN SELECT RAISE(ABORT, 'append-only: reception'); END;
CREATE TRIGGER received_fixed BEFORE UPDATE ON received
BEGIN SELECT RAISE(ABORT, 'append-only: received'); END;
CREATE TRIGGER received_stays BEFORE DELETE ON received WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: received'); END;
CREATE TRIGGER received_resource_fixed BEFORE UPDATE ON received_resource
BEGIN SELECT RAISE(ABORT, 'append-only: received_resource'); END;
CREATE TRIGGER received_resource_stays BEFORE DELETE ON received_resource WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: received_resource'); END;
CREATE TRIGGER received_document_fixed BEFORE UPDATE ON received_document
BEGIN SELECT RAISE(ABORT, 'append-only: received_document'); END;
CREATE TRIGGER received_document_stays BEFORE DELETE ON received_document WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: received_document'); END;
CREATE TRIGGER dead_letter_fixed BEFORE UPDATE ON dead_letter
BEGIN SELECT RAISE(ABORT, 'append-only: dead_letter'); END;
CREATE TRIGGER dead_letter_stays BEFORE DELETE ON dead_letter WHEN OLD.dummy = 0
BEGIN SELECT RAISE(ABORT, 'append-only: dead_letter'); END;
CREATE TRIGGER dead_letter_replay_fixed BEFORE UPDATE ON dead_letter_replay
BEGIN SELECT RAISE(ABORT, 'append-only: dead_letter_replay'); END;
CREATE TRIGGER dead_letter_replay_stays BEFORE DELETE ON dead_letter_replay
WHEN (SELECT dummy FROM dead_letter WHERE id = OLD.dead_letter) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: dead_letter_replay'); END;
CREATE TRIGGER patient_identifier_fixed BEFORE UPDATE ON patient_identifier
BEGIN SELECT RAISE(ABORT, 'append-only: patient_identifier'); END;
CREATE TRIGGER patient_identifier_stays BEFORE DELETE ON patient_identifier WHEN OLD.dummy = 0
BEGIN SELECT RAISE(ABORT, 'append-only: patient_identifier'); END;
CREATE TRIGGER patient_link_fixed BEFORE UPDATE ON patient_link
BEGIN SELECT RAISE(ABORT, 'append-only: patient_link'); END;
CREATE TRIGGER patient_link_stays BEFORE DELETE ON patient_link WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: patient_link'); END;
