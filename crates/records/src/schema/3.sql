-- The audit trail: who did what, as FHIR AuditEvents. `id` is the place in the log, from 0, without gaps; `json` is what
-- counts, and what the Merkle tree is over; the columns beside it are read out of it, for finding. No row is ever changed
-- or removed, also not those of dummy patients (so `patient` refers to no row). `recorded` is in milliseconds since 1970 UTC.
CREATE TABLE audit_entry (
    id       INTEGER PRIMARY KEY,
    recorded INTEGER NOT NULL,
    agent    TEXT    NOT NULL,
    patient  INTEGER,
    action   TEXT    NOT NULL,
    subtype  TEXT    NOT NULL,
    outcome  INTEGER NOT NULL,
    kinds    TEXT    NOT NULL,
    json     BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_entry_patient ON audit_entry (patient) WHERE patient IS NOT NULL;
CREATE INDEX audit_entry_agent ON audit_entry (agent);

-- The nodes of the tree (RFC 6962) whose leaves are all there, in the order in which appending completes them: each leaf,
-- then the nodes it completes, from the lowest.
CREATE TABLE audit_node (
    place INTEGER PRIMARY KEY,
    hash  BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The signed tree heads that were exported.
CREATE TABLE audit_head (
    id         INTEGER PRIMARY KEY,
    size       INTEGER NOT NULL,
    root       BLOB    NOT NULL CHECK (length(root) = 32),
    at         TEXT    NOT NULL,
    public_key BLOB    NOT NULL CHECK (length(public_key) = 32),
    signature  BLOB    NOT NULL CHECK (length(signature) = 64)
) STRICT;

-- What goes in goes to the end: this also stops INSERT OR REPLACE, for which no trigger on DELETE runs.
CREATE TRIGGER audit_entry_appended BEFORE INSERT ON audit_entry
WHEN NEW.id IS NOT (SELECT coalesce(max(id) + 1, 0) FROM audit_entry)
BEGIN SELECT RAISE(ABORT, 'append-only: audit_entry'); END;
CREATE TRIGGER audit_node_appended BEFORE INSERT ON audit_node
WHEN NEW.place IS NOT (SELECT coalesce(max(place) + 1, 0) FROM audit_node)
BEGIN SELECT RAISE(ABORT, 'append-only: audit_node'); END;
CREATE TRIGGER audit_head_appended BEFORE INSERT ON audit_head
WHEN NEW.id IS NOT (SELECT coalesce(max(id) + 1, 0) FROM audit_head)
BEGIN SELECT RAISE(ABORT, 'append-only: audit_head'); END;
CREATE TRIGGER audit_entry_fixed BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'append-only: audit_entry'); END;
CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'append-only: audit_entry'); END;
CREATE TRIGGER audit_node_fixed BEFORE UPDATE ON audit_node
BEGIN SELECT RAISE(ABORT, 'append-only: audit_node'); END;
CREATE TRIGGER audit_node_stays BEFORE DELETE ON audit_node
BEGIN SELECT RAISE(ABORT, 'append-only: audit_node'); END;
CREATE TRIGGER audit_head_fixed BEFORE UPDATE ON audit_head
BEGIN SELECT RAISE(ABORT, 'append-only: audit_head'); END;
CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'append-only: audit_head'); END;
