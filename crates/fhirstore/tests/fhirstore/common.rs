//! A store for tests, resources made by chance, and chance itself.

use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_fhirstore::{Connection, Definitions, Index, Origin, Put, Whose};
use tsumugi_tables::Source;

pub(crate) const BASE: &str = "http://tsumugi.test/fhir/R4";
/// 2026-11-29T00:00:00Z
pub(crate) const NOW: i64 = 1_795_910_400_000;

const FILES: [(&str, &str); 6] = [
    (
        "fhir/compartment_patient.tsv",
        include_str!("../../../../data/fhir/compartment_patient.tsv"),
    ),
    (
        "fhir/elements.tsv",
        include_str!("../../../../data/fhir/elements.tsv"),
    ),
    (
        "fhir/required_codes.tsv",
        include_str!("../../../../data/fhir/required_codes.tsv"),
    ),
    (
        "fhir/resource_types.tsv",
        include_str!("../../../../data/fhir/resource_types.tsv"),
    ),
    (
        "fhir/search_parameters.tsv",
        include_str!("../../../../data/fhir/search_parameters.tsv"),
    ),
    (
        "fhir/system_aliases.tsv",
        include_str!("../../../../data/fhir/system_aliases.tsv"),
    ),
];

const SCHEMA: [&str; 11] = [
    include_str!("../../../records/src/schema/1.sql"),
    include_str!("../../../records/src/schema/2.sql"),
    include_str!("../../../records/src/schema/3.sql"),
    include_str!("../../../records/src/schema/4.sql"),
    include_str!("../../../records/src/schema/5.sql"),
    include_str!("../../../records/src/schema/6.sql"),
    include_str!("../../../records/src/schema/7.sql"),
    include_str!("../../../records/src/schema/8.sql"),
    include_str!("../../../records/src/schema/9.sql"),
    include_str!("../../../records/src/schema/10.sql"),
    include_str!("../../../records/src/schema/11.sql"),
];

pub(crate) fn definitions() -> Definitions {
    let sources: Vec<Source<'_>> = FILES.iter().map(|(path, text)| Source { path, text }).collect();
    let (definitions, mistakes) = Definitions::read(&sources);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    definitions
}

/// The tables with one of them changed.
pub(crate) fn with_changed(path: &str, change: impl Fn(&str) -> String) -> (Definitions, Vec<String>) {
    let texts: Vec<(&str, String)> = FILES
        .iter()
        .map(|(own, text)| {
            (
                *own,
                if *own == path {
                    change(text)
                } else {
                    (*text).to_owned()
                },
            )
        })
        .collect();
    let sources: Vec<Source<'_>> = texts.iter().map(|(path, text)| Source { path, text }).collect();
    let (definitions, mistakes) = Definitions::read(&sources);
    (definitions, mistakes.iter().map(ToString::to_string).collect())
}

pub(crate) fn connection() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    for step in SCHEMA {
        conn.execute_batch(step).unwrap();
    }
    conn.execute_batch(
        "INSERT INTO patient VALUES (1, '1', 1, 1, '1'), (2, '2', 1, 1, '2'), (3, '3', 1, 1, '3');
         DELETE FROM fhir_due;",
    )
    .unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    conn
}

pub(crate) fn index(conn: &Connection) -> Index {
    let (index, is_stale) = Index::open(conn, Arc::new(definitions()), BASE).unwrap();
    assert!(!is_stale);
    index
}

/// Keeps a body about one of the patients 1 to 3, or the site's.
pub(crate) fn put(index: &Index, conn: &Connection, body: &Value, patient: Option<i64>, at: i64) -> u32 {
    let text = body.to_string();
    let put = Put {
        kind: body["resourceType"].as_str().unwrap(),
        id: body["id"].as_str().unwrap(),
        whose: Whose {
            patient,
            document: None,
            origin: Origin::Site,
        },
        source: None,
        at,
        method: "PUT",
        author: "a",
        body: &text,
    };
    index.put(conn, &put).unwrap().version
}

/// A linear congruential generator (Knuth, MMIX): the same seed, the same test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub(crate) fn pick<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len())]
    }

    pub(crate) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

pub(crate) const DATES: [&str; 12] = [
    "2026",
    "2026-11",
    "2026-11-28",
    "2026-11-29",
    "2026-11-29T08:30:00+09:00",
    "2026-11-28T23:30:00Z",
    "2026-11-29T00:00:00.5Z",
    "2025-12-31",
    "2025-12-31T15:00:00Z",
    "2024-02-29",
    "1950-03-01",
    "1951",
];
pub(crate) const NUMBERS: [&str; 10] = [
    "5.4", "5.40", "100", "100.2", "99.5", "1e2", "-3", "0", "5", "6.0",
];
pub(crate) const UNITS: [&str; 4] = ["mg", "mg/dL", "%", "kg"];
pub(crate) const NAMES: [&str; 9] = [
    "山田",
    "ヤマダ",
    "ﾔﾏﾀﾞ",
    "やまだ",
    "ヤマタ",
    "太郎",
    "Müller",
    "MULLER",
    "Smith, Jr.",
];
pub(crate) const SYSTEMS: [&str; 5] = [
    "http://loinc.org",
    "http://snomed.info/sct",
    "",
    "urn:oid:1.2.392.200119.4.504",
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_MedicationCodeYJ_CS",
];
pub(crate) const CODES: [&str; 7] = ["718-7", "4548-4", "a,b", "x|y", "718", "ABC", "abc"];
pub(crate) const STATUSES: [&str; 3] = ["final", "preliminary", "amended"];

/// Makes bodies.
pub(crate) struct Maker<'d> {
    pub(crate) dice: &'d mut Dice,
}

impl Maker<'_> {
    fn date(&mut self) -> Value {
        json!(self.dice.pick(&DATES))
    }

    fn coding(&mut self) -> Value {
        let mut coding = json!({"code": self.dice.pick(&CODES)});
        let system = *self.dice.pick(&SYSTEMS);
        if !system.is_empty() {
            coding["system"] = json!(system);
        }
        if self.dice.one_in(2) {
            coding["display"] = json!(self.dice.pick(&NAMES));
        }
        coding
    }

    fn concept(&mut self) -> Value {
        let count = self.dice.below(3);
        let codings: Vec<Value> = (0..count).map(|_| self.coding()).collect();
        let mut concept = json!({});
        if !codings.is_empty() {
            concept["coding"] = json!(codings);
        }
        if count == 0 || self.dice.one_in(3) {
            concept["text"] = json!(self.dice.pick(&NAMES));
        }
        concept
    }

    fn number(&mut self) -> Value {
        let digits: &str = self.dice.pick::<&str>(&NUMBERS);
        serde_json::from_str(digits).unwrap()
    }

    fn quantity(&mut self) -> Value {
        let mut quantity = json!({"value": self.number()});
        if !self.dice.one_in(4) {
            quantity["unit"] = json!(self.dice.pick(&UNITS));
        }
        if self.dice.one_in(2) {
            quantity["system"] = json!("http://unitsofmeasure.org");
            quantity["code"] = json!(self.dice.pick(&UNITS));
        }
        if self.dice.one_in(5) {
            quantity["comparator"] = json!(self.dice.pick(&["<", "<=", ">", ">="]));
        }
        quantity
    }

    fn period(&mut self) -> Value {
        let mut period = json!({});
        if self.dice.one_in(2) {
            period["start"] = self.date();
        }
        if self.dice.one_in(2) {
            period["end"] = self.date();
        }
        period
    }

    fn identifier(&mut self) -> Value {
        let mut identifier = json!({"value": self.dice.pick(&CODES)});
        let system = *self.dice.pick(&SYSTEMS);
        if !system.is_empty() {
            identifier["system"] = json!(system);
        }
        if self.dice.one_in(3) {
            identifier["type"] = json!({"text": self.dice.pick(&NAMES)});
        }
        identifier
    }

    fn reference(&mut self, kinds: &[&str]) -> Value {
        let kind = *self.dice.pick(kinds);
        let id = self.dice.below(12);
        match self.dice.below(8) {
            0 => json!({"reference": format!("{BASE}/{kind}/{id}")}),
            1 => json!({"reference": format!("http://elsewhere.test/fhir/{kind}/{id}")}),
            2 => json!({"identifier": self.identifier(), "type": kind}),
            3 => json!({"reference": format!("{kind}/{id}/_history/1"), "identifier": self.identifier()}),
            4 => json!({"display": "x"}),
            _ => json!({"reference": format!("{kind}/{id}")}),
        }
    }

    fn name(&mut self) -> Value {
        let mut name = json!({"text": self.dice.pick(&NAMES)});
        if self.dice.one_in(2) {
            name["family"] = json!(self.dice.pick(&NAMES));
            name["given"] = json!([self.dice.pick(&NAMES), self.dice.pick(&NAMES)]);
        }
        if self.dice.one_in(3) {
            name["extension"] = json!([{
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": self.dice.pick(&["SYL", "IDE"]),
            }]);
        }
        name
    }

    /// A body of a type.
    pub(crate) fn body(&mut self, kind: &str, id: usize) -> Value {
        let mut body = json!({"resourceType": kind, "id": id.to_string()});
        if self.dice.one_in(3) {
            body["meta"] = json!({"tag": [self.coding()], "profile": ["http://jpfhir.jp/fhir/core/StructureDefinition/X"]});
        }
        if self.dice.one_in(2) {
            body["identifier"] = json!([self.identifier()]);
        }
        match kind {
            "Patient" => self.patient(&mut body),
            "Observation" => self.observation(&mut body),
            "Questionnaire" => self.questionnaire(&mut body),
            "Practitioner" | "Organization" => {
                body["name"] = if kind == "Practitioner" {
                    json!([self.name()])
                } else {
                    json!(self.dice.pick(&NAMES))
                };
                body["active"] = json!(self.dice.one_in(2));
                body["telecom"] = json!([{"system": "phone", "value": self.dice.pick(&CODES)}]);
            }
            "Encounter" => {
                body["status"] = json!(self.dice.pick(&["finished", "planned"]));
                body["class"] = self.coding();
                body["subject"] = self.reference(&["Patient"]);
                body["period"] = self.period();
                body["length"] = self.quantity();
                body["participant"] =
                    json!([{"individual": self.reference(&["Practitioner", "RelatedPerson"])}]);
                body["serviceProvider"] = self.reference(&["Organization"]);
            }
            "Condition" => {
                body["clinicalStatus"] = self.concept();
                body["code"] = self.concept();
                body["subject"] = self.reference(&["Patient", "Group"]);
                body["encounter"] = self.reference(&["Encounter"]);
                body["recordedDate"] = self.date();
                match self.dice.below(3) {
                    0 => body["onsetDateTime"] = self.date(),
                    1 => body["onsetPeriod"] = self.period(),
                    _ => body["onsetRange"] = json!({"low": self.quantity()}),
                }
            }
            _ => {
                body["status"] = json!("active");
                body["intent"] = json!("order");
                body["medicationCodeableConcept"] = self.concept();
                body["subject"] = self.reference(&["Patient"]);
                body["requester"] = self.reference(&["Practitioner", "Organization"]);
                body["authoredOn"] = self.date();
                body["dosageInstruction"] = json!([{"timing": {"event": [self.date(), self.date()]}}]);
            }
        }
        body
    }

    fn patient(&mut self, body: &mut Value) {
        body["name"] = json!([self.name(), self.name()]);
        body["gender"] = json!(self.dice.pick(&["male", "female", "unknown"]));
        if self.dice.one_in(2) {
            body["birthDate"] = json!(self.dice.pick(&["1950-03-01", "1951", "2024-02-29"]));
        }
        match self.dice.below(4) {
            0 => body["deceasedBoolean"] = json!(true),
            1 => body["deceasedDateTime"] = self.date(),
            2 => body["deceasedBoolean"] = json!(false),
            _ => {}
        }
        body["telecom"] =
            json!([{"system": self.dice.pick(&["phone", "email"]), "value": self.dice.pick(&CODES)}]);
        body["address"] = json!([{"city": self.dice.pick(&NAMES), "postalCode": "123-4567", "line": [self.dice.pick(&NAMES)]}]);
        body["generalPractitioner"] = json!([self.reference(&["Practitioner", "Organization"])]);
        body["managingOrganization"] = self.reference(&["Organization"]);
    }

    fn value(&mut self, body: &mut Value) {
        match self.dice.below(6) {
            0 => body["valueCodeableConcept"] = self.concept(),
            1 => body["valueString"] = json!(self.dice.pick(&NAMES)),
            2 => {
                body["valueSampledData"] = json!({"origin": self.quantity(), "period": 1, "dimensions": 1,
                    "factor": self.number(), "data": "1 2 E 5.5"});
            }
            3 => body["valuePeriod"] = self.period(),
            _ => body["valueQuantity"] = self.quantity(),
        }
    }

    fn observation(&mut self, body: &mut Value) {
        body["status"] = json!(self.dice.pick(&STATUSES));
        body["code"] = self.concept();
        body["category"] = json!([self.concept()]);
        body["subject"] = self.reference(&["Patient", "Group", "Device"]);
        body["performer"] = json!([self.reference(&["Practitioner", "Organization"])]);
        body["encounter"] = self.reference(&["Encounter"]);
        match self.dice.below(4) {
            0 => body["effectivePeriod"] = self.period(),
            1 => {
                body["effectiveTiming"] =
                    json!({"event": [self.date()], "repeat": {"boundsPeriod": self.period()}});
            }
            2 => {}
            _ => body["effectiveDateTime"] = self.date(),
        }
        self.value(body);
        if self.dice.one_in(2) {
            let components: Vec<Value> = (0..2)
                .map(|_| {
                    let mut component = json!({"code": self.concept()});
                    self.value(&mut component);
                    component
                })
                .collect();
            body["component"] = json!(components);
        }
        if self.dice.one_in(4) {
            body["hasMember"] = json!([self.reference(&["Observation"])]);
        }
    }

    fn questionnaire(&mut self, body: &mut Value) {
        let urls = [
            "http://a.test/q/1",
            "http://a.test/q",
            "http://a.test/q/1/b",
            "http://a.test/query",
            "urn:oid:1.2",
        ];
        body["url"] = json!(self.dice.pick(&urls));
        body["status"] = json!("active");
        body["title"] = json!(self.dice.pick(&NAMES));
        body["derivedFrom"] = json!([format!("{}|{}", self.dice.pick(&urls), self.dice.below(2))]);
        body["useContext"] = json!([{"code": self.coding(), "valueQuantity": self.quantity()}, {"code": self.coding(), "valueCodeableConcept": self.concept()}]);
        body["effectivePeriod"] = self.period();
    }
}
