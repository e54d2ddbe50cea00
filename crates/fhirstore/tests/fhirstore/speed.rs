//! How fast it is, in processor time, since the machine is shared: prints; run by hand, optimised.

use crate::common::{BASE, Dice, Maker, NOW, connection, definitions, index, put};
use serde_json::json;
use tsumugi_fhirstore::{Connection, Context, Index, Origin, Put, Query, Whose, extract};

const KINDS: [&str; 6] = [
    "Observation",
    "Observation",
    "Observation",
    "Condition",
    "MedicationRequest",
    "Encounter",
];
/// Resources of the large store: each patient has one Patient and 49 of other types.
const SIZE: usize = 300_000;
const OF_A_PATIENT: usize = 50;

/// Processor time of this process, in seconds, to a hundredth.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind = stat.rsplit_once(')').unwrap().1;
    let ticks = |place: usize| {
        behind
            .split_ascii_whitespace()
            .nth(place)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
#[ignore = "measures; run by hand with --release --no-capture"]
fn extraction() {
    let definitions = definitions();
    let mut dice = Dice(3);
    let bodies: Vec<(&str, String)> = (0..20_000)
        .map(|id| {
            (
                KINDS[id % 6],
                Maker { dice: &mut dice }.body(KINDS[id % 6], id).to_string(),
            )
        })
        .collect();
    let bytes: usize = bodies.iter().map(|(_, body)| body.len()).sum();
    let begin = processor();
    let mut values = 0;
    for _ in 0..5 {
        values += bodies
            .iter()
            .map(|(kind, body)| extract(&definitions, kind, body).unwrap())
            .sum::<usize>();
    }
    let seconds = processor() - begin;
    println!(
        "extraction: {:.0} resources/s, {} bytes and {} values each",
        5.0 * bodies.len() as f64 / seconds,
        bytes / bodies.len(),
        values / bodies.len() / 5
    );
}

/// A resource of a hospital: laboratory values, diseases and prescriptions of a patient, in encounters.
fn body(dice: &mut Dice, number: usize) -> (&'static str, String, String) {
    let (patient, of_patient) = (number / OF_A_PATIENT, number % OF_A_PATIENT);
    let id = format!("{number}");
    let subject = json!({"reference": format!("Patient/{}", patient * OF_A_PATIENT)});
    let date = format!(
        "20{:02}-{:02}-{:02}T{:02}:30:00+09:00",
        10 + dice.below(17),
        1 + dice.below(12),
        1 + dice.below(28),
        dice.below(24)
    );
    let encounter = json!({"reference": format!("Encounter/{}", patient * OF_A_PATIENT + 1 + dice.below(4))});
    let (kind, body) = match of_patient {
        0 => (
            "Patient",
            json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1950-03-01",
            "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51", "value": format!("{patient:08}")}],
            "name": [{"text": format!("name {}", dice.below(5000)), "family": "n", "given": ["g"]}]}),
        ),
        1..=4 => (
            "Encounter",
            json!({"resourceType": "Encounter", "id": id, "status": "finished", "subject": subject,
            "class": {"code": "AMB"}, "period": {"start": date, "end": date}}),
        ),
        5..=10 => (
            "Condition",
            json!({"resourceType": "Condition", "id": id, "subject": subject, "recordedDate": date,
            "encounter": encounter, "code": {"coding": [{"system": "urn:icd", "code": format!("I{}", dice.below(2000)), "display": "a disease"}]}}),
        ),
        11..=18 => (
            "MedicationRequest",
            json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
            "subject": subject, "authoredOn": date, "encounter": encounter,
            "medicationCodeableConcept": {"coding": [{"system": "urn:yj", "code": format!("Y{}", dice.below(3000))}]}}),
        ),
        _ => (
            "Observation",
            json!({"resourceType": "Observation", "id": id, "status": "final", "subject": subject,
            "encounter": encounter, "effectiveDateTime": date, "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": format!("L{}", dice.below(500)), "display": "a test"}]},
            "valueQuantity": {"value": dice.below(1000), "unit": "mg/dL"}}),
        ),
    };
    (kind, id, body.to_string())
}

fn keep(index: &Index, conn: &Connection, (kind, id, body): &(&'static str, String, String)) {
    let whose = Whose {
        patient: None,
        document: None,
        origin: Origin::Site,
    };
    let put = Put {
        kind,
        id,
        whose,
        source: None,
        at: NOW,
        method: "PUT",
        author: "a",
        body,
    };
    index.put(conn, &put).unwrap();
}

#[test]
#[ignore = "measures; run by hand with --release --no-capture"]
fn a_large_store() {
    let folder = std::env::temp_dir().join(format!("tsumugi-fhirstore-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let conn = connection();
    conn.execute("VACUUM INTO ?1", [folder.join("s.db").to_str().unwrap()])
        .unwrap();
    let conn = Connection::open(folder.join("s.db")).unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -262144;",
    )
    .unwrap();
    let index = index(&conn);
    let mut dice = Dice(5);
    for tenth in 0..10 {
        let some: Vec<_> = (0..SIZE / 10)
            .map(|place| body(&mut dice, tenth * SIZE / 10 + place))
            .collect();
        let begin = processor();
        for batch in some.chunks(1000) {
            conn.execute_batch("BEGIN").unwrap();
            for one in batch {
                keep(&index, &conn, one);
            }
            conn.execute_batch("COMMIT").unwrap();
        }
        println!(
            "tenth {tenth}: {:.0} resources/s of processor time",
            some.len() as f64 / (processor() - begin)
        );
    }
    let pages: i64 = conn
        .query_row(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
            [],
            |row| row.get(0),
        )
        .unwrap();
    println!("{} bytes a resource", pages / i64::try_from(SIZE).unwrap());
    searches(&index, &conn, &mut dice);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Type, names parted by `&`, and what makes the values.
type Ask<'a> = (&'a str, &'a str, &'a dyn Fn(usize) -> String);

/// Each kind of search a hundred times, with other values.
fn searches(index: &Index, conn: &Connection, dice: &mut Dice) {
    const TIMES: usize = 100;
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    let asks: [Ask<'_>; 9] = [
        ("Observation", "code", &|n| {
            format!("http://loinc.org|L{}", n % 500)
        }),
        ("Observation", "code", &|n| {
            format!("L{},L{},L{}", n % 500, (n + 7) % 500, (n + 13) % 500)
        }),
        ("Observation", "patient", &|n| {
            format!("Patient/{}", n % 6000 * 50)
        }),
        ("Observation", "patient&code", &|n| {
            format!("Patient/{}&L{}", n % 6000 * 50, n % 500)
        }),
        ("Patient", "_has:Condition:patient:code", &|n| {
            format!("I{}", n % 2000)
        }),
        ("Observation", "encounter.patient.identifier", &|n| {
            format!("{:08}", n % 6000)
        }),
        ("Condition", "code:not", &|n| format!("I{}", n % 2000)),
        ("MedicationRequest", "authoredon", &|n| {
            format!("20{}-{:02}", 10 + n % 17, 1 + n % 12)
        }),
        ("Patient", "name", &|n| format!("name {}", n % 5000)),
    ];
    for (kind, names, value) in asks {
        let (mut found, begin) = (0, processor());
        for _ in 0..TIMES {
            let value = value(dice.below(1_000_000));
            let pairs: Vec<(String, String)> = names
                .split('&')
                .zip(value.split('&'))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let query = Query::read(context, kind, &pairs).unwrap();
            let counted = Query { total: true, ..query };
            found += index
                .find(conn, &counted, "p", &mut |_| true)
                .unwrap()
                .total
                .unwrap();
        }
        let each = (processor() - begin) * 1000.0 / TIMES as f64;
        println!(
            "{kind}?{names}: {:.2} ms of processor time with the total, {} found each",
            each,
            found / TIMES as u64
        );
    }
}

#[test]
#[ignore = "measures; run by hand with --release --no-capture"]
fn reading() {
    let conn = connection();
    let index = index(&conn);
    for id in 0..1000 {
        put(
            &index,
            &conn,
            &json!({"resourceType": "Observation", "id": id.to_string(), "status": "final"}),
            None,
            NOW,
        );
    }
    let begin = processor();
    for id in 0..200_000 {
        let version = index
            .current(&conn, "Observation", &(id % 1000).to_string())
            .unwrap()
            .unwrap();
        assert!(version.shown().is_some());
    }
    println!(
        "read: {:.1} us of processor time each",
        (processor() - begin) * 5.0
    );
}
