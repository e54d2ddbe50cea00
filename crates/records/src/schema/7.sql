-- The rows of the timeline: what is told, of which topic, in which unit. Topics: 1 disease, 2 drug, 3 test, 4 finding, 5 care,
-- 6 background, 7 device. It grows with the vocabulary, not with patients.
CREATE TABLE topic_row (
    id      INTEGER PRIMARY KEY,
    topic   INTEGER NOT NULL CHECK (topic BETWEEN 1 AND 7),
    concept TEXT    NOT NULL,
    unit    TEXT    NOT NULL,
    UNIQUE (topic, concept, unit)
) STRICT;

-- The marks on them: of events that count now, of the patient's own. Derived from `event_index`, which they follow. `at` and
-- `until` are seconds of civil time after 1970. Bits of `flags`: 0-1 evidence (0 care, 1 claim, 2 personal), 2 absent,
-- 3 suspected, 4 past, 5 planned, 6 stopped, 7 settled by a later note, 8-10 interpretation (1 low, 2 normal, 3 high,
-- 4 positive, 5 negative).
CREATE TABLE topic_mark (
    patient  INTEGER NOT NULL,
    topic    INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    INTEGER NOT NULL,
    until    INTEGER,
    value    REAL,
    flags    INTEGER NOT NULL,
    document INTEGER,
    PRIMARY KEY (patient, topic, row, at, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX topic_mark_event ON topic_mark (event);

CREATE TRIGGER topic_mark_goes AFTER DELETE ON event_index WHEN OLD.role = 0
BEGIN DELETE FROM topic_mark WHERE event = OLD.event; END;
CREATE TRIGGER topic_mark_moves AFTER UPDATE OF patient ON event_index WHEN OLD.role = 0 AND NEW.patient <> OLD.patient
BEGIN UPDATE topic_mark SET patient = NEW.patient WHERE event = NEW.event; END;
CREATE TRIGGER topic_mark_settles AFTER UPDATE OF settled_by ON event_index WHEN OLD.role = 0
AND (NEW.settled_by IS NULL) <> (OLD.settled_by IS NULL)
BEGIN UPDATE topic_mark SET flags = (flags & ~128) | (CASE WHEN NEW.settled_by IS NULL THEN 0 ELSE 128 END) WHERE event = NEW.event; END;

-- What is there already.
CREATE TEMP TABLE topic_new AS
SELECT i.patient AS patient, i.event AS event, i.concept AS concept, coalesce(i.unit, '') AS unit, i.document AS document,
    CASE i.kind WHEN 'condition' THEN 1 WHEN 'medication' THEN 2
        WHEN 'measurement' THEN CASE WHEN json_extract(e.json, '$.evidence') = 'personal' THEN 7 ELSE 3 END
        WHEN 'finding' THEN 4 WHEN 'procedure' THEN 5 WHEN 'examination' THEN 5 ELSE 6 END AS topic,
    unixepoch(coalesce(i.time_from, i.time_to, i.at)) AS at,
    CASE WHEN i.time_from IS NULL THEN NULL ELSE unixepoch(i.time_to) END AS until,
    coalesce(i.low, i.high) AS value,
    (CASE json_extract(e.json, '$.evidence') WHEN 'claim' THEN 1 WHEN 'personal' THEN 2 ELSE 0 END)
    | (CASE i.polarity WHEN 'absent' THEN 4 ELSE 0 END)
    | (CASE i.certainty WHEN 'suspected' THEN 8 ELSE 0 END)
    | (CASE i.phase WHEN 'past' THEN 16 WHEN 'planned' THEN 32 WHEN 'stopped' THEN 64 ELSE 0 END)
    | (CASE WHEN i.settled_by IS NULL THEN 0 ELSE 128 END)
    | ((CASE json_extract(e.json, '$.value.interpretation') WHEN 'low' THEN 1 WHEN 'normal' THEN 2 WHEN 'high' THEN 3
        WHEN 'positive' THEN 4 WHEN 'negative' THEN 5 ELSE 0 END) << 8) AS flags
FROM event_index i JOIN event e ON e.id = i.event
WHERE i.experiencer = 'patient' AND i.certainty <> 'general';
INSERT OR IGNORE INTO topic_row (topic, concept, unit)
SELECT DISTINCT topic, concept, CASE WHEN topic IN (3, 7) THEN unit ELSE '' END FROM topic_new ORDER BY 1, 2, 3;
INSERT INTO topic_mark
SELECT n.patient, n.topic, r.id, n.at, n.event, n.until, n.value, n.flags, n.document
FROM topic_new n JOIN topic_row r ON r.topic = n.topic AND r.concept = n.concept
    AND r.unit = CASE WHEN n.topic IN (3, 7) THEN n.unit ELSE '' END;
DROP TABLE topic_new;
