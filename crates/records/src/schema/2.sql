-- The assertion log of the medical knowledge: what was stated, by which source, in which order. Added to only; what is
-- no longer held is retracted by a later assertion. `body` is JSON of the crate `knowledge`; the columns beside it are for finding.
CREATE TABLE assertion (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    source  TEXT NOT NULL,
    author  TEXT NOT NULL,
    at      TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX assertion_source ON assertion (source);
CREATE INDEX assertion_kind ON assertion (kind, subject);

-- What people decided beside a note: support switched, an alert overridden and why, a reading accepted or corrected, a
-- kind of support allowed by the site. `topic` and `subject` find it; the newest of them counts.
CREATE TABLE decision (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    topic   TEXT NOT NULL,
    subject TEXT NOT NULL,
    author  TEXT NOT NULL,
    at      TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX decision_topic ON decision (topic, subject);

CREATE TRIGGER assertion_fixed BEFORE UPDATE ON assertion
BEGIN SELECT RAISE(ABORT, 'append-only: assertion'); END;
CREATE TRIGGER assertion_stays BEFORE DELETE ON assertion
BEGIN SELECT RAISE(ABORT, 'append-only: assertion'); END;
CREATE TRIGGER decision_fixed BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'append-only: decision'); END;
CREATE TRIGGER decision_stays BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'append-only: decision'); END;
