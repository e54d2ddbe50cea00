-- Ground state: rows are added, never changed or removed (triggers at the end hold that), except those of dummy patients.

-- `number` and `version` follow the newest version. Real and dummy patients number apart.
CREATE TABLE patient (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    number  TEXT    NOT NULL,
    dummy   INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    version INTEGER NOT NULL,
    folded  TEXT    NOT NULL,
    UNIQUE (dummy, number)
) STRICT;

CREATE TABLE patient_version (
    patient    INTEGER NOT NULL REFERENCES patient (id),
    version    INTEGER NOT NULL,
    number     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    kana       TEXT    NOT NULL,
    sex        TEXT    NOT NULL,
    birth_date TEXT,
    author     TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    PRIMARY KEY (patient, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE encounter (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    patient  INTEGER NOT NULL REFERENCES patient (id),
    external TEXT,
    version  INTEGER NOT NULL,
    UNIQUE (patient, external)
) STRICT;

CREATE TABLE encounter_version (
    encounter INTEGER NOT NULL REFERENCES encounter (id),
    version   INTEGER NOT NULL,
    patient   INTEGER NOT NULL REFERENCES patient (id),
    kind      TEXT    NOT NULL,
    started   TEXT    NOT NULL,
    ended     TEXT,
    author    TEXT    NOT NULL,
    at        TEXT    NOT NULL,
    PRIMARY KEY (encounter, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX encounter_version_patient ON encounter_version (patient);

-- `version` follows the newest version.
CREATE TABLE document (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    patient   INTEGER NOT NULL REFERENCES patient (id),
    encounter INTEGER REFERENCES encounter (id),
    kind      TEXT    NOT NULL,
    version   INTEGER NOT NULL
) STRICT;
CREATE INDEX document_patient ON document (patient);
CREATE INDEX document_encounter ON document (encounter);

-- `key` is the caller's own id of the note: a note that is sent twice is kept once. `sha256` is of the bytes, `text_hash`
-- (SHA-256 too) of the text. `civil` is the civil time of `written_at`.
CREATE TABLE document_version (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    document   INTEGER NOT NULL REFERENCES document (id),
    version    INTEGER NOT NULL,
    previous   INTEGER REFERENCES document_version (id),
    patient    INTEGER NOT NULL REFERENCES patient (id),
    reason     TEXT    NOT NULL CHECK (reason IN ('original', 'addendum', 'correction')),
    key        TEXT,
    media_type TEXT    NOT NULL,
    encoding   TEXT    NOT NULL,
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    text_hash  BLOB    NOT NULL CHECK (length(text_hash) = 32),
    author     TEXT    NOT NULL,
    written_at TEXT    NOT NULL,
    signed_at  TEXT    NOT NULL,
    edition    TEXT    NOT NULL,
    civil      TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    bytes      BLOB    NOT NULL,
    UNIQUE (document, version),
    UNIQUE (patient, key),
    CHECK ((version = 1) = (previous IS NULL) AND (version = 1) = (reason = 'original'))
) STRICT;
CREATE INDEX document_version_previous ON document_version (previous);

CREATE TABLE resource (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    patient          INTEGER NOT NULL REFERENCES patient (id),
    document_version INTEGER NOT NULL REFERENCES document_version (id),
    kind             TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    author           TEXT    NOT NULL,
    at               TEXT    NOT NULL,
    json             BLOB    NOT NULL,
    UNIQUE (kind, name, version)
) STRICT;
CREATE INDEX resource_patient ON resource (patient);
CREATE INDEX resource_document ON resource (document_version);

-- One version of what another system stated in structured form. `digest` tells a repetition from a correction.
CREATE TABLE observation (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER NOT NULL REFERENCES patient (id),
    source  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL,
    civil   TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    UNIQUE (patient, source, key, version)
) STRICT;

CREATE TABLE correction (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    author  TEXT NOT NULL,
    surface TEXT NOT NULL,
    wrong   TEXT,
    correct TEXT,
    at      TEXT NOT NULL
) STRICT;
CREATE INDEX correction_author ON correction (author, surface);

CREATE TABLE settled_phrase (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    author  TEXT NOT NULL,
    surface TEXT NOT NULL,
    concept TEXT,
    at      TEXT NOT NULL
) STRICT;
CREATE INDEX settled_phrase_author ON settled_phrase (author, surface);

-- Drafts: a log of saves. `revision` never comes twice, so a tab that missed a signing is noticed.
CREATE TABLE draft_revision (
    revision  INTEGER PRIMARY KEY AUTOINCREMENT,
    patient   INTEGER NOT NULL REFERENCES patient (id),
    encounter INTEGER REFERENCES encounter (id),
    author    TEXT    NOT NULL,
    refused   INTEGER NOT NULL CHECK (refused IN (0, 1)),
    base      INTEGER,
    at        TEXT    NOT NULL,
    text      TEXT    NOT NULL
) STRICT;
CREATE INDEX draft_revision_key ON draft_revision (author, patient, encounter, refused);
CREATE INDEX draft_revision_patient ON draft_revision (patient);
CREATE INDEX draft_revision_encounter ON draft_revision (encounter);

-- Derived state: may be thrown away and made again.

-- Events of the notes (with the edition that read them) and of the observations; the latter are ground, and stay.
CREATE TABLE event (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    patient          INTEGER NOT NULL REFERENCES patient (id),
    document_version INTEGER REFERENCES document_version (id),
    observation      INTEGER REFERENCES observation (id),
    number           INTEGER NOT NULL,
    edition          TEXT    NOT NULL,
    settles_note     TEXT,
    settles_event    INTEGER,
    json             TEXT    NOT NULL,
    UNIQUE (document_version, number),
    UNIQUE (observation, number),
    CHECK ((document_version IS NULL) <> (observation IS NULL))
) STRICT;
CREATE INDEX event_settles ON event (patient) WHERE settles_note IS NOT NULL;
CREATE INDEX event_patient ON event (patient);

-- Only the newest version of each document and observation. Role 0: what is stated; role 1: the analyte it was derived from.
CREATE TABLE event_index (
    event       INTEGER NOT NULL REFERENCES event (id),
    role        INTEGER NOT NULL CHECK (role IN (0, 1)),
    patient     INTEGER NOT NULL REFERENCES patient (id),
    dummy       INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    document    INTEGER REFERENCES document (id),
    number      INTEGER NOT NULL,
    concept     TEXT    NOT NULL,
    fact        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    polarity    TEXT    NOT NULL,
    certainty   TEXT    NOT NULL,
    experiencer TEXT    NOT NULL,
    phase       TEXT    NOT NULL,
    low         REAL,
    high        REAL,
    unit        TEXT,
    time_from   TEXT,
    time_to     TEXT,
    at          TEXT    NOT NULL,
    settled_by  INTEGER REFERENCES document (id),
    PRIMARY KEY (event, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_index_concept ON event_index (dummy, concept, patient);
CREATE INDEX event_index_patient ON event_index (patient);
CREATE INDEX event_index_document ON event_index (document);
CREATE INDEX event_index_settled ON event_index (settled_by) WHERE settled_by IS NOT NULL;

-- The folded text of the newest version of each document, the edition that read its events, and its trigrams.
CREATE TABLE document_text (
    document INTEGER PRIMARY KEY REFERENCES document (id),
    edition  TEXT NOT NULL,
    folded   TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE document_fts USING fts5 (
    folded, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER patient_population BEFORE UPDATE OF id, dummy ON patient
BEGIN SELECT RAISE(ABORT, 'append-only: a patient stays real or dummy'); END;
CREATE TRIGGER patient_stays BEFORE DELETE ON patient WHEN OLD.dummy = 0
BEGIN SELECT RAISE(ABORT, 'append-only: patient'); END;
CREATE TRIGGER encounter_fixed BEFORE UPDATE OF id, patient, external ON encounter
BEGIN SELECT RAISE(ABORT, 'append-only: encounter'); END;
CREATE TRIGGER document_fixed BEFORE UPDATE OF id, patient, encounter, kind ON document
BEGIN SELECT RAISE(ABORT, 'append-only: document'); END;
CREATE TRIGGER correction_fixed BEFORE UPDATE ON correction
BEGIN SELECT RAISE(ABORT, 'append-only: correction'); END;
CREATE TRIGGER correction_stays BEFORE DELETE ON correction
BEGIN SELECT RAISE(ABORT, 'append-only: correction'); END;
CREATE TRIGGER settled_phrase_fixed BEFORE UPDATE ON settled_phrase
BEGIN SELECT RAISE(ABORT, 'append-only: settled_phrase'); END;
CREATE TRIGGER settled_phrase_stays BEFORE DELETE ON settled_phrase
BEGIN SELECT RAISE(ABORT, 'append-only: settled_phrase'); END;
CREATE TRIGGER patient_version_fixed BEFORE UPDATE ON patient_version
BEGIN SELECT RAISE(ABORT, 'append-only: patient_version'); END;
CREATE TRIGGER encounter_version_fixed BEFORE UPDATE ON encounter_version
BEGIN SELECT RAISE(ABORT, 'append-only: encounter_version'); END;
CREATE TRIGGER document_version_fixed BEFORE UPDATE ON document_version
BEGIN SELECT RAISE(ABORT, 'append-only: document_version'); END;
CREATE TRIGGER resource_fixed BEFORE UPDATE ON resource
BEGIN SELECT RAISE(ABORT, 'append-only: resource'); END;
CREATE TRIGGER observation_fixed BEFORE UPDATE ON observation
BEGIN SELECT RAISE(ABORT, 'append-only: observation'); END;
CREATE TRIGGER patient_version_stays BEFORE DELETE ON patient_version WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: patient_version'); END;
CREATE TRIGGER encounter_stays BEFORE DELETE ON encounter WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: encounter'); END;
CREATE TRIGGER encounter_version_stays BEFORE DELETE ON encounter_version WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: encounter_version'); END;
CREATE TRIGGER document_stays BEFORE DELETE ON document WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: document'); END;
CREATE TRIGGER document_version_stays BEFORE DELETE ON document_version WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: document_version'); END;
CREATE TRIGGER resource_stays BEFORE DELETE ON resource WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: resource'); END;
CREATE TRIGGER observation_stays BEFORE DELETE ON observation WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: observation'); END;
CREATE TRIGGER event_fixed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'append-only: event'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event
WHEN OLD.observation IS NOT NULL AND (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: event of an observation'); END;
