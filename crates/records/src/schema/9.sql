-- Studies, version by version, each with the text that it is read with. What a person reads is kept by its SHA-256.
CREATE TABLE consent_text (
    study  TEXT NOT NULL,
    hash   TEXT NOT NULL,
    json   TEXT NOT NULL,
    author TEXT NOT NULL,
    at     TEXT NOT NULL,
    PRIMARY KEY (study, hash)
) STRICT;
CREATE TABLE consent_study (
    study   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    dummy   INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    text    TEXT    NOT NULL,
    json    TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    PRIMARY KEY (study, version),
    FOREIGN KEY (study, text) REFERENCES consent_text (study, hash)
) STRICT;

-- What was asked, answered, withdrawn, and who is whose guardian. `study` is empty for what concerns all studies; `patient`
-- is NULL for what concerns a study. What is allowed follows from it by replay, in the order of `seq`.
CREATE TABLE consent_event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER REFERENCES patient (id),
    study   TEXT    NOT NULL,
    what    TEXT    NOT NULL CHECK (what IN ('told', 'asked', 'answered', 'withdrawn', 'guardian-noted', 'guardian-ended', 'study-changed')),
    key     TEXT,
    json    TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL
) STRICT;
CREATE INDEX consent_event_study ON consent_event (study, seq);
CREATE INDEX consent_event_patient ON consent_event (patient, study, seq);
CREATE UNIQUE INDEX consent_event_key ON consent_event (patient, study, key) WHERE key IS NOT NULL;

-- What the person gets: FHIR Consent, version by version.
CREATE TABLE consent_receipt (
    patient INTEGER NOT NULL REFERENCES patient (id),
    study   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    seq     INTEGER NOT NULL REFERENCES consent_event (seq),
    json    TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    PRIMARY KEY (patient, study, version)
) STRICT;

-- One-time codes, by the SHA-256 of their two forms, and of the session that one opens. Times are seconds of civil time
-- after 1970.
CREATE TABLE consent_code (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    patient    INTEGER NOT NULL REFERENCES patient (id),
    encounter  INTEGER REFERENCES encounter (id),
    respondent TEXT    NOT NULL,
    link       BLOB    NOT NULL UNIQUE,
    typed      BLOB    NOT NULL,
    made       INTEGER NOT NULL,
    ends       INTEGER NOT NULL,
    used       INTEGER,
    session    BLOB UNIQUE,
    author     TEXT    NOT NULL,
    at         TEXT    NOT NULL
) STRICT;
CREATE INDEX consent_code_typed ON consent_code (typed);
CREATE INDEX consent_code_patient ON consent_code (patient);
CREATE TABLE consent_failure (
    id     INTEGER PRIMARY KEY,
    source TEXT    NOT NULL,
    made   INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_failure_made ON consent_failure (made);

-- Data that left, and whose. The state goes from running to delivered or aborted, and from delivered to marked (a person
-- in it withdrew); nothing else of a row changes.
CREATE TABLE export_delivery (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    study     TEXT    NOT NULL,
    dummy     INTEGER NOT NULL CHECK (dummy IN (0, 1)),
    query     TEXT    NOT NULL,
    basis     TEXT    NOT NULL,
    form      TEXT    NOT NULL,
    purpose   TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    persons   INTEGER NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('running', 'delivered', 'aborted', 'marked')),
    manifest  TEXT,
    author    TEXT    NOT NULL,
    at        TEXT    NOT NULL,
    ended     TEXT
) STRICT;
CREATE INDEX export_delivery_study ON export_delivery (study, state);
CREATE TABLE export_person (
    delivery INTEGER NOT NULL REFERENCES export_delivery (id),
    patient  INTEGER NOT NULL REFERENCES patient (id),
    kinds    TEXT    NOT NULL,
    PRIMARY KEY (delivery, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX export_person_patient ON export_person (patient);

-- Cases that were learned from a person's notes and are held: what takes each back.
CREATE TABLE learned (
    source  TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    patient INTEGER NOT NULL REFERENCES patient (id),
    subject TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (source, name)
) STRICT;
CREATE INDEX learned_patient ON learned (patient);

CREATE TRIGGER consent_text_fixed BEFORE UPDATE ON consent_text
BEGIN SELECT RAISE(ABORT, 'append-only: consent_text'); END;
CREATE TRIGGER consent_text_stays BEFORE DELETE ON consent_text
BEGIN SELECT RAISE(ABORT, 'append-only: consent_text'); END;
CREATE TRIGGER consent_study_fixed BEFORE UPDATE ON consent_study
BEGIN SELECT RAISE(ABORT, 'append-only: consent_study'); END;
CREATE TRIGGER consent_study_stays BEFORE DELETE ON consent_study
BEGIN SELECT RAISE(ABORT, 'append-only: consent_study'); END;
CREATE TRIGGER consent_event_fixed BEFORE UPDATE ON consent_event
BEGIN SELECT RAISE(ABORT, 'append-only: consent_event'); END;
CREATE TRIGGER consent_event_stays BEFORE DELETE ON consent_event
WHEN OLD.patient IS NULL OR (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: consent_event'); END;
CREATE TRIGGER consent_receipt_fixed BEFORE UPDATE ON consent_receipt
BEGIN SELECT RAISE(ABORT, 'append-only: consent_receipt'); END;
CREATE TRIGGER consent_receipt_stays BEFORE DELETE ON consent_receipt
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: consent_receipt'); END;
CREATE TRIGGER consent_code_once BEFORE UPDATE ON consent_code
WHEN OLD.used IS NOT NULL OR NEW.used IS NULL OR NEW.id <> OLD.id OR NEW.patient <> OLD.patient
    OR NEW.respondent <> OLD.respondent OR NEW.link <> OLD.link OR NEW.typed <> OLD.typed OR NEW.ends <> OLD.ends
BEGIN SELECT RAISE(ABORT, 'a code is used once: consent_code'); END;
CREATE TRIGGER export_delivery_fixed BEFORE UPDATE ON export_delivery
WHEN NEW.id <> OLD.id OR NEW.study <> OLD.study OR NEW.dummy <> OLD.dummy OR NEW.query <> OLD.query
    OR NEW.basis <> OLD.basis OR NEW.form <> OLD.form OR NEW.purpose <> OLD.purpose OR NEW.recipient <> OLD.recipient
    OR NEW.epoch <> OLD.epoch OR NEW.persons <> OLD.persons OR NEW.author <> OLD.author OR NEW.at <> OLD.at
    OR NOT ((OLD.state = 'running' AND NEW.state IN ('delivered', 'aborted'))
        OR (OLD.state = 'delivered' AND NEW.state = 'marked' AND NEW.manifest IS OLD.manifest AND NEW.ended IS OLD.ended))
BEGIN SELECT RAISE(ABORT, 'append-only: export_delivery'); END;
CREATE TRIGGER export_delivery_stays BEFORE DELETE ON export_delivery WHEN OLD.dummy = 0
BEGIN SELECT RAISE(ABORT, 'append-only: export_delivery'); END;
CREATE TRIGGER export_person_fixed BEFORE UPDATE ON export_person
BEGIN SELECT RAISE(ABORT, 'append-only: export_person'); END;
CREATE TRIGGER export_person_stays BEFORE DELETE ON export_person
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: export_person'); END;

-- Cases that notes taught before.
INSERT OR REPLACE INTO learned (source, name, patient, subject, body)
SELECT c.source, c.name, d.patient, c.name, json_object('retract-case', c.name)
FROM (SELECT id, source, CASE WHEN json_valid(body) THEN json_extract(body, '$.case.id') END AS name
    FROM assertion WHERE kind = 'case') c
JOIN document d ON d.id = CAST(substr(c.name, 6) AS INTEGER)
WHERE c.name GLOB 'note-[0-9]*' ORDER BY c.id;
