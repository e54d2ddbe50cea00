//! How fast it is: prints; run by hand, optimised.

use crate::common::{BASE, Dice, Maker, NOW, connection, definitions, index, put};
use std::time::Instant;
use tsumugi_fhirstore::{Context, Query, extract};

const KINDS: [&str; 6] = [
    "Observation",
    "Observation",
    "Observation",
    "Condition",
    "MedicationRequest",
    "Encounter",
];

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
    let begin = Instant::now();
    let values: usize = bodies
        .iter()
        .map(|(kind, body)| extract(&definitions, kind, body).unwrap())
        .sum();
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "extraction: {:.0} resources/s, {} bytes and {} values each",
        bodies.len() as f64 / seconds,
        bytes / bodies.len(),
        values / bodies.len()
    );
}

#[test]
#[ignore = "measures; run by hand with --release --no-capture"]
fn ingest_and_search() {
    let conn = connection();
    let index = index(&conn);
    let mut dice = Dice(3);
    let size = 100_000;
    let bodies: Vec<_> = (0..size)
        .map(|id| Maker { dice: &mut dice }.body(KINDS[id % 6], id))
        .collect();
    let begin = Instant::now();
    for some in bodies.chunks(1000) {
        conn.execute_batch("BEGIN").unwrap();
        for body in some {
            put(&index, &conn, body, None, NOW);
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    println!(
        "ingest (in memory, with printing of each body): {:.0} resources/s",
        f64::from(size as u32) / begin.elapsed().as_secs_f64()
    );
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    for (kind, name, value) in [
        ("Observation", "code", "718-7"),
        ("Observation", "code:not", "718-7"),
        ("Observation", "code", "718-7,4548-4,ABC"),
        ("Observation", "patient", "Patient/3"),
        ("Observation", "date", "ge2026-11-29"),
        ("Observation", "value-quantity", "gt5.4||mg"),
        ("Observation", "encounter.status", "finished"),
        ("Encounter", "_has:Observation:encounter:code", "718-7"),
    ] {
        let pairs = [
            (name.to_owned(), value.to_owned()),
            ("_total".to_owned(), "accurate".to_owned()),
        ];
        let query = Query::read(context, kind, &pairs).unwrap();
        let begin = Instant::now();
        let page = index.find(&conn, &query, "p", &mut |_| true).unwrap();
        println!(
            "{kind}?{name}={value}: {} in {:.1} ms",
            page.total.unwrap(),
            begin.elapsed().as_secs_f64() * 1000.0
        );
    }
}
