-- Notes that were entered on behalf of a physician, step by step; a document without rows was signed by its author.
CREATE TABLE confirmation (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    patient   INTEGER NOT NULL REFERENCES patient (id),
    document  INTEGER NOT NULL REFERENCES document (id),
    version   INTEGER NOT NULL,
    step      TEXT    NOT NULL CHECK (step IN ('entered', 'confirmed', 'returned')),
    physician TEXT    NOT NULL,
    author    TEXT    NOT NULL,
    at        TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    CHECK (step <> 'entered' OR author <> physician)
) STRICT;
CREATE INDEX confirmation_document ON confirmation (document);
CREATE INDEX confirmation_patient ON confirmation (patient);

-- Those that nobody has confirmed yet: the last of their steps. Derived; it makes the lists short.
CREATE TABLE unconfirmed (
    document  INTEGER PRIMARY KEY REFERENCES document (id),
    patient   INTEGER NOT NULL REFERENCES patient (id),
    version   INTEGER NOT NULL,
    physician TEXT    NOT NULL,
    author    TEXT    NOT NULL,
    since     TEXT    NOT NULL,
    returned  INTEGER NOT NULL CHECK (returned IN (0, 1)),
    reason    TEXT    NOT NULL
) STRICT;
CREATE INDEX unconfirmed_patient ON unconfirmed (patient);
CREATE INDEX unconfirmed_physician ON unconfirmed (physician);

CREATE TRIGGER confirmation_by_another BEFORE INSERT ON confirmation
WHEN NEW.step = 'confirmed' AND EXISTS (
    SELECT 1 FROM document_version WHERE document = NEW.document AND author = NEW.author)
BEGIN SELECT RAISE(ABORT, 'confirmation: nobody confirms what they wrote'); END;
CREATE TRIGGER confirmation_fixed BEFORE UPDATE ON confirmation
BEGIN SELECT RAISE(ABORT, 'append-only: confirmation'); END;
CREATE TRIGGER confirmation_stays BEFORE DELETE ON confirmation
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: confirmation'); END;

-- Retention. The end of the course from which the years count (the last row of a patient holds; none: it goes on), and
-- holds, for which nothing of a patient is removed; `class` names in `reason` a class that all of a patient's documents are
-- kept by where it is the longer.
CREATE TABLE retention_mark (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    patient INTEGER NOT NULL REFERENCES patient (id),
    kind    TEXT    NOT NULL CHECK (kind IN ('course-end', 'course-open', 'hold', 'release', 'class')),
    day     TEXT,
    reason  TEXT    NOT NULL,
    author  TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    CHECK ((kind = 'course-end') = (day IS NOT NULL))
) STRICT;
CREATE INDEX retention_mark_patient ON retention_mark (patient);

-- That somebody approves the removal of a document; it holds for the version and the day that were seen.
CREATE TABLE retention_approval (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    patient    INTEGER NOT NULL REFERENCES patient (id),
    document   INTEGER NOT NULL REFERENCES document (id),
    version    INTEGER NOT NULL,
    class      TEXT    NOT NULL,
    kept_until TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    UNIQUE (document, version, kept_until, author)
) STRICT;

-- What stays of a document that was removed when its time was over. `hashes`: SHA-256 of the bytes of each version, in
-- hexadecimal digits, with spaces between.
CREATE TABLE tombstone (
    document   INTEGER PRIMARY KEY REFERENCES document (id),
    patient    INTEGER NOT NULL REFERENCES patient (id),
    kind       TEXT    NOT NULL,
    class      TEXT    NOT NULL,
    versions   INTEGER NOT NULL,
    hashes     TEXT    NOT NULL,
    written    TEXT    NOT NULL,
    kept_until TEXT    NOT NULL,
    first      TEXT    NOT NULL,
    second     TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    at         TEXT    NOT NULL,
    CHECK (first <> second)
) STRICT;

CREATE TRIGGER retention_mark_fixed BEFORE UPDATE ON retention_mark
BEGIN SELECT RAISE(ABORT, 'append-only: retention_mark'); END;
CREATE TRIGGER retention_mark_stays BEFORE DELETE ON retention_mark
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: retention_mark'); END;
CREATE TRIGGER retention_approval_fixed BEFORE UPDATE ON retention_approval
BEGIN SELECT RAISE(ABORT, 'append-only: retention_approval'); END;
CREATE TRIGGER retention_approval_stays BEFORE DELETE ON retention_approval
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: retention_approval'); END;
CREATE TRIGGER tombstone_fixed BEFORE UPDATE ON tombstone
BEGIN SELECT RAISE(ABORT, 'append-only: tombstone'); END;
CREATE TRIGGER tombstone_stays BEFORE DELETE ON tombstone
BEGIN SELECT RAISE(ABORT, 'append-only: tombstone'); END;

-- A document goes only past its day, approved by both who are named, for a real patient who has no hold and whose course
-- has ended.
CREATE TRIGGER tombstone_approved BEFORE INSERT ON tombstone
WHEN (SELECT dummy FROM patient WHERE id = NEW.patient) <> 0
    OR (SELECT patient FROM document WHERE id = NEW.document) IS NOT NEW.patient
    OR substr(NEW.at, 1, 10) <= NEW.kept_until
    OR 2 <> (SELECT count(DISTINCT author) FROM retention_approval
             WHERE document = NEW.document AND class = NEW.class AND kept_until = NEW.kept_until
               AND version = (SELECT version FROM document WHERE id = NEW.document)
               AND author IN (NEW.first, NEW.second))
    OR 'course-end' IS NOT (SELECT kind FROM retention_mark WHERE patient = NEW.patient
             AND kind IN ('course-end', 'course-open') ORDER BY id DESC LIMIT 1)
    OR 'hold' IS (SELECT kind FROM retention_mark WHERE patient = NEW.patient
             AND kind IN ('hold', 'release') ORDER BY id DESC LIMIT 1)
BEGIN SELECT RAISE(ABORT, 'retention: not approved, not past its day, or held'); END;

-- Only what has a tombstone is removed, and nothing is added to it.
CREATE TRIGGER document_version_after_the_end BEFORE INSERT ON document_version
WHEN EXISTS (SELECT 1 FROM tombstone WHERE document = NEW.document)
BEGIN SELECT RAISE(ABORT, 'retention: the document was removed'); END;
DROP TRIGGER document_version_stays;
CREATE TRIGGER document_version_stays BEFORE DELETE ON document_version
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
    AND NOT EXISTS (SELECT 1 FROM tombstone WHERE document = OLD.document)
BEGIN SELECT RAISE(ABORT, 'append-only: document_version'); END;
DROP TRIGGER resource_stays;
CREATE TRIGGER resource_stays BEFORE DELETE ON resource
WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
    AND NOT EXISTS (SELECT 1 FROM tombstone t JOIN document_version v ON v.document = t.document
                    WHERE v.id = OLD.document_version)
BEGIN SELECT RAISE(ABORT, 'append-only: resource'); END;
