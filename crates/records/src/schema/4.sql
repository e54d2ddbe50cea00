-- Who may do what. `access_row` holds what the crate `access` keeps (accounts, sessions, links, nonces, emergency accesses,
-- versions of the policy, the latest time) as JSON that only that crate reads. Versions of the policy are added, never
-- changed; they and emergency accesses are never removed.
CREATE TABLE access_row (
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- How a patient's record (document 0) or one of its notes stands to the people of the hospital: departments, care teams,
-- who is in charge, restrictions, the patient's own account. `access_change` is the log; `access_fact` what holds now.
CREATE TABLE access_change (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    patient  INTEGER NOT NULL REFERENCES patient (id),
    document INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    holds    INTEGER NOT NULL CHECK (holds IN (0, 1)),
    author   TEXT    NOT NULL,
    at       TEXT    NOT NULL
) STRICT;
CREATE INDEX access_change_patient ON access_change (patient);
CREATE TABLE access_fact (
    patient  INTEGER NOT NULL REFERENCES patient (id),
    document INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    PRIMARY KEY (patient, document, kind, name)
) STRICT, WITHOUT ROWID;

-- The first also stops INSERT OR REPLACE, for which no trigger on DELETE runs.
CREATE TRIGGER access_policy_added BEFORE INSERT ON access_row
WHEN NEW.kind = 'policy' AND EXISTS (SELECT 1 FROM access_row WHERE kind = 'policy' AND key >= NEW.key)
BEGIN SELECT RAISE(ABORT, 'append-only: policy'); END;
CREATE TRIGGER access_policy_fixed BEFORE UPDATE ON access_row WHEN OLD.kind = 'policy'
BEGIN SELECT RAISE(ABORT, 'append-only: policy'); END;
CREATE TRIGGER access_row_stays BEFORE DELETE ON access_row WHEN OLD.kind IN ('account', 'emergency', 'policy')
BEGIN SELECT RAISE(ABORT, 'append-only: access_row'); END;
CREATE TRIGGER access_change_fixed BEFORE UPDATE ON access_change
BEGIN SELECT RAISE(ABORT, 'append-only: access_change'); END;
CREATE TRIGGER access_change_stays BEFORE DELETE ON access_change WHEN (SELECT dummy FROM patient WHERE id = OLD.patient) = 0
BEGIN SELECT RAISE(ABORT, 'append-only: access_change'); END;
