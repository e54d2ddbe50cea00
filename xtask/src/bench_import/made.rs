//! Made data of the true layout: what varies is drawn from a seeded generator, what is Japanese comes from kept files.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::Person;

/// FHIR resources of a patient.
pub(super) const OF_PATIENT: usize = 150;

const CLAIM: &[u8] = include_bytes!("../../../crates/exchange/tests/claims/files/receiptc.uke");
const GLUCOSE: &str = include_str!("../../../crates/exchange/tests/claims/files/libreview.csv");

/// A seeded generator (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % sides.max(1)
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(usize::try_from(self.roll(of.len() as u64)).ok()?)
    }

    /// A day of the years 2016 to 2025.
    fn day(&mut self) -> jiff::civil::Date {
        let day = i64::try_from(self.roll(3650)).unwrap_or_default();
        let first = jiff::civil::date(2016, 1, 1);
        first.checked_add(jiff::Span::new().days(day)).unwrap_or(first)
    }
}

/// A test of the tables: codes, unit, and a range in which its values lie.
struct Test {
    jlac10: String,
    loinc: String,
    unit: String,
    low: f64,
    high: f64,
}

/// The tests with a number and both codes.
pub(crate) struct Tests(Vec<Test>);

impl Tests {
    /// Reads the tables of the tree.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tests = Vec::new();
        let mut files: Vec<_> =
            fs::read_dir(root.join("data/terminology/tests"))?.collect::<Result<_, _>>()?;
        files.sort_by_key(fs::DirEntry::path);
        for file in files {
            let text = fs::read_to_string(file.path())?;
            for line in text.lines().skip(1) {
                let cells: Vec<&str> = line.split('\t').collect();
                let [_, _, _, _, _, _, unit, jlac10, loinc, low, high, ..] = cells.as_slice() else {
                    continue;
                };
                let (Ok(low), Ok(high)) = (low.parse(), high.parse()) else {
                    continue;
                };
                if jlac10.len() != 5 || loinc.is_empty() || unit.is_empty() {
                    continue;
                }
                tests.push(Test {
                    jlac10: (*jlac10).to_owned(),
                    loinc: loinc.split('|').next().unwrap_or_default().to_owned(),
                    unit: (*unit).to_owned(),
                    low,
                    high,
                });
            }
        }
        anyhow::ensure!(tests.len() > 20, "the tables name few tests with numbers");
        Ok(Self(tests))
    }

    fn result(&self, dice: &mut Dice) -> Option<(&Test, f64)> {
        let test = dice.pick(&self.0)?;
        let span = test.high - test.low;
        // A third below, within or above the interval.
        let value = test.low - span / 2.0 + span * 2.0 * (dice.roll(1000) as f64 / 1000.0);
        Some((test, (value.max(0.1) * 100.0).round() / 100.0))
    }
}

/// A bundle of a patient's resources.
pub(crate) fn bundle(tests: &Tests, patient: usize) -> Vec<u8> {
    let mut dice = Dice::new(patient as u64 + 1);
    let subject = json!({"reference": format!("Patient/p{patient}")});
    let mut entries = vec![json!({
        "resourceType": "Patient", "id": format!("p{patient}"),
        "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51.11310000001", "value": format!("{patient:08}")}],
        "name": [{"use": "usual", "text": format!("Dummy {}", dice.roll(100_000))}],
        "gender": if dice.roll(2) == 0 { "male" } else { "female" }, "birthDate": dice.day().to_string(),
    })];
    const DISEASES: [&str; 8] = ["I10", "E119", "J189", "K297", "N179", "I500", "J459", "E785"];
    const DRUGS: [&str; 8] = [
        "C08CA01", "A10BA02", "B01AF02", "C10AA05", "A02BC01", "C03CA01", "J01CA04", "N02BE01",
    ];
    for number in 1..OF_PATIENT {
        let id = format!("r{patient}-{number}");
        let at = format!(
            "{}T{:02}:{:02}:00+09:00",
            dice.day(),
            dice.roll(24),
            dice.roll(60)
        );
        let mut resource = match number % 15 {
            0 => {
                json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "period": {"start": at}})
            }
            1 => json!({
                "resourceType": "Condition", "recordedDate": at,
                "code": {"coding": [{"system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full", "code": dice.pick(&DISEASES)}]},
            }),
            2 | 3 => json!({
                "resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": at,
                "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": dice.pick(&DRUGS)}]},
                "dosageInstruction": [{"timing": {"repeat": {"frequency": 1 + dice.roll(3), "period": 1, "periodUnit": "d"}}}],
            }),
            _ => {
                let Some((test, value)) = tests.result(&mut dice) else {
                    continue;
                };
                json!({
                    "resourceType": "Observation", "status": "final", "effectiveDateTime": at,
                    "code": {"coding": [{"system": "http://loinc.org", "code": test.loinc}]},
                    "valueQuantity": {"value": value, "unit": test.unit},
                })
            }
        };
        if let Some(fields) = resource.as_object_mut() {
            fields.insert("id".to_owned(), Value::from(id));
            fields.insert("subject".to_owned(), subject.clone());
        }
        entries.push(resource);
    }
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|resource| json!({"resource": resource}))
        .collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
        .to_string()
        .into_bytes()
}

/// Files of a standard storage with their paths: results, prescriptions, problems and the patient.
pub(super) fn documents(tests: &Tests, count: usize) -> Vec<(String, Vec<u8>)> {
    let mut dice = Dice::new(7);
    (0..count)
        .map(|index| {
            let number = format!("{:07}", 1_000_000 + index / 20);
            let day = dice.day().strftime("%Y%m%d").to_string();
            let (kind, day, body) = match index % 20 {
                0 => ("ADT-00", "-".to_owned(), String::new()),
                1..5 => ("OMP-01", day.clone(), prescription(&mut dice, index, &day)),
                _ => ("OML-11", day.clone(), results(tests, &mut dice, &day)),
            };
            let (message, event) = match kind {
                "ADT-00" => ("ADT^A08^ADT_A01", "EVN||20260401\r"),
                "OMP-01" => ("RDE^O11^RDE_O11", ""),
                _ => ("OUL^R22^OUL_R22", ""),
            };
            let born = format!("19{:02}{:02}15", dice.roll(100), 1 + dice.roll(12));
            let text = format!(
                "MSH|^~\\&|HIS|SEND|GW|RCV|20260421103000||{message}|{index}|P|2.5||||||~ISO IR87||ISO 2022-1994\r{event}PID|0001||\
                 {number}^^^^PI||Dummy^{}^^^^^L^P||{born}|{}\rPV1|0001|O|01^^^^^C\r{body}",
                dice.roll(100_000),
                if dice.roll(2) == 0 { "M" } else { "F" },
            );
            let order = if kind == "ADT-00" { "999999999999999".to_owned() } else { format!("{index:015}") };
            let department = if kind == "ADT-00" { "-" } else { "01" };
            let (one, two) = number.split_at(3);
            let two = two.get(..3).unwrap_or_default();
            let name = format!("{number}_{day}_{kind}_{order}_20260401103000{:03}_{department}_1", dice.roll(1000));
            (format!("{one}/{two}/{number}/{day}/{kind}/{name}"), text.into_bytes())
        })
        .collect()
}

fn results(tests: &Tests, dice: &mut Dice, day: &str) -> String {
    let mut text = format!(
        "SPM|1|||023^serum^JC10|||||||||||||{day}0915\rOBR|1|000000000000354||E002^chemistry^99O03\rORC|SC|000000000000354\r"
    );
    for number in 1..=8 {
        if let Some((test, value)) = tests.result(dice) {
            // Writing into a String cannot fail.
            let _ = write!(
                text,
                "OBX|{number}|NM|{}000002327101^{}^JC10||{value}|{}||||F|||{day}0915\r",
                test.jlac10, test.loinc, test.unit
            );
        }
    }
    text
}

fn prescription(dice: &mut Dice, order: usize, day: &str) -> String {
    format!(
        "ORC|NW|{order:015}||1|||||{day}110000\rRXE||{}^Drug {}^HOT9|{}||TAB^tablet^MR9P|||||{}|TAB^tablet^MR9P\r\
         TQ1|1||1013044400000000&x&JAMISDP01|||{}^d|{day}00\rRXR|PO^oral^HL70162\r",
        100_000_000 + dice.roll(900_000_000),
        dice.roll(500),
        1 + dice.roll(3),
        7 * (1 + dice.roll(8)),
        7 * (1 + dice.roll(8)),
    )
}

/// Writes a storage of so many files.
pub(super) fn storage(tests: &Tests, root: &Path, count: usize) -> Result<()> {
    for (path, bytes) in documents(tests, count) {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// A file of claims: the first claim of a kept file again and again, each of another person with other codes, days,
/// points and amounts.
pub(super) fn claims(count: usize) -> Result<Vec<u8>> {
    let mut dice = Dice::new(3);
    let lines: Vec<&[u8]> = CLAIM.split_inclusive(|byte| *byte == b'\n').collect();
    let (header, rest) = lines.split_first().context("the kept file of claims is empty")?;
    let claim = rest.iter().take_while(|line| !line.starts_with(b"RE,2,"));
    let claim: Vec<&[u8]> = claim.copied().collect();
    let mut out = header.to_vec();
    for number in 1..=count {
        for line in &claim {
            let mut cells: Vec<Vec<u8>> = line.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
            let changed: Vec<(usize, String)> = match cells.first().map(Vec::as_slice) {
                Some(b"RE") => vec![
                    (1, number.to_string()),
                    (6, format!("19{:02}0{}15", 20 + dice.roll(80), 1 + dice.roll(9))),
                    (13, format!("{:07}", number % 500_000)),
                ],
                Some(b"SY") => vec![
                    (1, (8_830_000 + dice.roll(9_999)).to_string()),
                    (2, format!("2026040{}", 1 + dice.roll(9))),
                ],
                Some(b"SI") => vec![
                    (3, (112_000_010 + dice.roll(9_999) * 10).to_string()),
                    (5, (1 + dice.roll(2_000)).to_string()),
                ],
                Some(b"IY") => vec![
                    (3, (610_000_000 + dice.roll(20_000_000)).to_string()),
                    (4, (1 + dice.roll(9)).to_string()),
                ],
                _ => Vec::new(),
            };
            for (column, text) in changed {
                if let Some(cell) = cells.get_mut(column).filter(|cell| !cell.is_empty()) {
                    *cell = text.into_bytes();
                }
            }
            out.extend_from_slice(&cells.join(&b','));
        }
    }
    out.extend_from_slice(format!("GO,{count},0,99\r\n").as_bytes());
    Ok(out)
}

/// An export of a glucose meter that looks every fifteen minutes, with so many samples.
pub(super) fn glucose(count: usize) -> Vec<u8> {
    let mut dice = Dice::new(5);
    let mut out: String = GLUCOSE.split_inclusive('\n').take(2).collect();
    let mut at = jiff::civil::date(2012, 1, 1).at(0, 1, 0, 0);
    let mut value = 110;
    for _ in 0..count {
        value = (value + 10 - dice.roll(21)).clamp(50, 380);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "Meter,ABC-123,{},0,{value},,\r\n",
            at.strftime("%Y/%m/%d %H:%M")
        );
        at = at.checked_add(jiff::Span::new().minutes(15)).unwrap_or(at);
    }
    out.into_bytes()
}

/// A file of a person who is named on the command line.
pub(super) fn of_somebody(file: &str) -> Origin {
    Origin {
        person: Some(Person {
            number: "1".to_owned(),
            ..Person::default()
        }),
        ..Origin::file(file)
    }
}
