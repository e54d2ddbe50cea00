-- FHIR resources as the API gives them, and what they are found by. What is made of notes and of what others sent can be
-- made again; the rows of `fhir_version` of the site's own resources (`origin` 2) are ground.

-- Types and search parameters by number. A number, once given, stays.
CREATE TABLE fhir_code (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

-- Codes, identifiers, addresses and units, each once. An address has no system.
CREATE TABLE fhir_value (
    id     INTEGER PRIMARY KEY,
    text   TEXT    NOT NULL,
    system TEXT    NOT NULL,
    UNIQUE (text, system)
) STRICT;
CREATE INDEX fhir_value_system ON fhir_value (system) WHERE system <> '';

-- The current version of each. Version 0: only referred to. `type` 0: an address elsewhere. `updated` is in milliseconds after
-- 1970. `counts`: whether there is a current version that is not deleted. `origin`: 0 a note, 1 a statement of another system,
-- 2 the site's own, 3 a patient.
CREATE TABLE fhir_resource (
    r        INTEGER PRIMARY KEY,
    type     INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    counts   INTEGER NOT NULL CHECK (counts IN (0, 1)),
    patient  INTEGER REFERENCES patient (id),
    document INTEGER REFERENCES document (id),
    updated  INTEGER NOT NULL,
    origin   INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 3),
    source   INTEGER,
    UNIQUE (type, id)
) STRICT;
CREATE INDEX fhir_resource_type ON fhir_resource (type) WHERE counts = 1;
CREATE INDEX fhir_resource_updated ON fhir_resource (type, updated) WHERE counts = 1;
CREATE INDEX fhir_resource_patient ON fhir_resource (patient, type);
CREATE INDEX fhir_resource_source ON fhir_resource (origin, source);
CREATE INDEX fhir_resource_document ON fhir_resource (document);

-- Bodies as the API gave them; a version without one is a deletion.
CREATE TABLE fhir_version (
    r       INTEGER NOT NULL REFERENCES fhir_resource (r),
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    method  TEXT    NOT NULL CHECK (method IN ('POST', 'PUT', 'PATCH', 'DELETE')),
    author  TEXT    NOT NULL,
    body    BLOB,
    PRIMARY KEY (r, version)
) STRICT, WITHOUT ROWID;

-- What a search asks. The key is the table.
CREATE TABLE fhir_token (
    parameter INTEGER NOT NULL,
    v         INTEGER NOT NULL,
    r         INTEGER NOT NULL,
    PRIMARY KEY (parameter, v, r)
) STRICT, WITHOUT ROWID;
CREATE TABLE fhir_date (
    parameter INTEGER NOT NULL,
    low       INTEGER NOT NULL,
    r         INTEGER NOT NULL,
    high      INTEGER NOT NULL,
    PRIMARY KEY (parameter, low, r, high)
) STRICT, WITHOUT ROWID;
CREATE TABLE fhir_quantity (
    parameter INTEGER NOT NULL,
    unit      INTEGER NOT NULL,
    low       REAL    NOT NULL,
    r         INTEGER NOT NULL,
    high      REAL    NOT NULL,
    PRIMARY KEY (parameter, unit, low, r, high)
) STRICT, WITHOUT ROWID;
CREATE TABLE fhir_string (
    parameter INTEGER NOT NULL,
    folded    TEXT    NOT NULL,
    r         INTEGER NOT NULL,
    PRIMARY KEY (parameter, folded, r)
) STRICT, WITHOUT ROWID;
CREATE TABLE fhir_reference (
    parameter INTEGER NOT NULL,
    target    INTEGER NOT NULL,
    r         INTEGER NOT NULL,
    PRIMARY KEY (parameter, target, r)
) STRICT, WITHOUT ROWID;

-- The edition of definitions that the index was made with.
CREATE TABLE fhir_edition (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    edition TEXT    NOT NULL
) STRICT;

-- What changed and is not indexed yet: `what` 0 a document, 1 a version of a statement, 2 a patient. The writer empties it
-- in the transaction that filled it.
CREATE TABLE fhir_due (
    what INTEGER NOT NULL CHECK (what BETWEEN 0 AND 2),
    id   INTEGER NOT NULL,
    PRIMARY KEY (what, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER fhir_due_resource AFTER INSERT ON resource
BEGIN INSERT INTO fhir_due SELECT 0, document FROM document_version WHERE id = NEW.document_version ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_version AFTER INSERT ON document_version
BEGIN INSERT INTO fhir_due VALUES (0, NEW.document) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_version_gone AFTER DELETE ON document_version
BEGIN INSERT INTO fhir_due VALUES (0, OLD.document) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_confirmation AFTER INSERT ON confirmation
BEGIN INSERT INTO fhir_due VALUES (0, NEW.document) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_statement AFTER INSERT ON statement
BEGIN INSERT INTO fhir_due VALUES (1, NEW.observation) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_statement_moves AFTER UPDATE ON statement
BEGIN
    INSERT INTO fhir_due VALUES (1, OLD.observation) ON CONFLICT DO NOTHING;
    INSERT INTO fhir_due VALUES (1, NEW.observation) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER fhir_due_statement_gone AFTER DELETE ON statement
BEGIN INSERT INTO fhir_due VALUES (1, OLD.observation) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER fhir_due_patient AFTER INSERT ON patient_version
BEGIN INSERT INTO fhir_due VALUES (2, NEW.patient) ON CONFLICT DO NOTHING; END;

-- What is there already.
INSERT INTO fhir_due SELECT 2, id FROM patient WHERE true ON CONFLICT DO NOTHING;
INSERT INTO fhir_due SELECT 0, id FROM document WHERE true ON CONFLICT DO NOTHING;
INSERT INTO fhir_due SELECT 1, observation FROM statement WHERE true ON CONFLICT DO NOTHING;
