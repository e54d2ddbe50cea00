//! The list of drugs over institutions, as cases of a table made by hand.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its table has failed"
)]

use jiff::civil::{Date, date};
use std::sync::LazyLock;
use tsumugi_clinical::{ConceptId, Dosage, Phase, Polarity, Quantity};
use tsumugi_coding::Coder;
use tsumugi_coding::medications::{How, Line, Told, reconcile};

#[expect(clippy::expect_used, reason = "without tables there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::without_tagger().expect("the tables of data/ make an engine"));

const TODAY: Date = date(2026, 11, 28);

fn said(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| *cell != "-")
}

fn told(index: usize, row: &str) -> Told {
    let cells: Vec<&str> = row.split(' ').collect();
    let [day, how, institution, drug, days, dose, route, more @ ..] = &cells[..] else {
        panic!("{row}")
    };
    let strength = said(dose).map(|dose| Quantity {
        number: Some(dose.trim_end_matches("mg").to_owned()),
        unit: Some("mg".into()),
        ..Quantity::default()
    });
    Told {
        drug: ConceptId::new(*drug),
        name: (*drug).into(),
        how: match *how {
            "prescribed" => How::Prescribed,
            "dispensed" => How::Dispensed,
            "given" => How::Given,
            "stated" => How::Stated,
            other => panic!("{other}"),
        },
        date: said(day).map(|day| day.parse().unwrap()),
        days: said(days).map(|days| days.parse().unwrap()),
        dosage: Dosage {
            strength,
            route: said(route).map(str::to_owned),
            as_needed: more.contains(&"prn"),
            ..Dosage::default()
        },
        phase: match more.first() {
            Some(&"stopped") => Phase::Stopped,
            Some(&"planned") => Phase::Planned,
            _ => Phase::Current,
        },
        polarity: if more.contains(&"absent") {
            Polarity::Absent
        } else {
            Polarity::Present
        },
        institution: said(institution).unwrap_or("").into(),
        origin: index.to_string().into(),
    }
}

fn joined(parts: &[String]) -> String {
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

fn shown(line: &Line) -> String {
    let day = |day: Date| day.strftime("%m-%d").to_string();
    let stretch =
        |from: Date, to: Option<Date>| format!("{}..{}", day(from), to.map_or_else(String::new, day));
    format!(
        "{} {:?} {} | {} | {} | {} | {} | {}",
        line.drug,
        line.route,
        if line.current { "current" } else { "-" },
        joined(
            &line
                .periods
                .iter()
                .map(|period| stretch(period.from, period.to))
                .collect::<Vec<_>>()
        ),
        joined(
            &line
                .gaps
                .iter()
                .map(|(from, to)| stretch(*from, Some(*to)))
                .collect::<Vec<_>>()
        ),
        joined(
            &line
                .overlaps
                .iter()
                .map(|overlap| format!(
                    "{} {}",
                    stretch(overlap.from, overlap.to),
                    overlap.institutions.join("+")
                ))
                .collect::<Vec<_>>()
        ),
        joined(&line.changes.iter().map(|change| day(*change)).collect::<Vec<_>>()),
        line.sources.len(),
    )
}

#[test]
fn drugs_of_all_institutions_are_one_list() {
    let table = include_str!("golden/medications.txt");
    let (mut count, mut wrong) = (0, Vec::new());
    for case in table.split("--- ").skip(1) {
        let (name, rows) = case.split_once(" ---\n").unwrap();
        let (wanted, given): (Vec<&str>, Vec<&str>) = rows
            .lines()
            .filter(|row| !row.is_empty())
            .partition(|row| row.starts_with("=> "));
        let told: Vec<Told> = given
            .iter()
            .enumerate()
            .map(|(index, row)| told(index, row))
            .collect();
        let mut backwards = told.clone();
        backwards.reverse();
        let lines = reconcile(CODER.vocabulary(), &told, TODAY);
        let got: Vec<String> = lines.iter().map(|line| format!("=> {}", shown(line))).collect();
        let other: Vec<String> = reconcile(CODER.vocabulary(), &backwards, TODAY)
            .iter()
            .map(|line| format!("=> {}", shown(line)))
            .collect();
        count += 1;
        if got != wanted {
            wrong.push(format!("--- {name} ---\n  got    {got:#?}\n  wanted {wanted:#?}"));
        }
        if got != other {
            wrong.push(format!(
                "--- {name} --- depends on the order of its sources: {other:#?}"
            ));
        }
        let sources: usize = lines.iter().map(|line| line.sources.len()).sum();
        assert_eq!(sources, told.len(), "{name}: every source stands on a line");
    }
    assert!(count >= 20, "{count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_long_list_keeps_every_source() {
    let many: Vec<Told> = (0usize..20_000)
        .map(|index| {
            let day = date(2000, 1, 1)
                .checked_add(jiff::Span::new().days(i64::try_from(index % 9_000).unwrap()))
                .unwrap();
            let row = format!("{day} prescribed H{} drug.amlodipine 28 5mg oral", index % 500);
            told(index, &row)
        })
        .collect();
    let lines = reconcile(CODER.vocabulary(), &many, TODAY);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].sources.len(), many.len());
}
