//! Files that are not as they should be: where it is said, what stays in, and that every byte that is not in is told.

use crate::support::{all, problems};
use std::path::Path;
use tsumugi_exchange::fhir_in::{Form, Limits};
use tsumugi_exchange::incoming::{Handed, Severity};

#[test]
fn every_malformed_file_is_told_and_its_neighbours_are_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed/fhir");
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [file, statements, code, field, _why] = cells[..] else {
            panic!("{row}")
        };
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let handed = all(&bytes, Form::of(file), Limits::default());
        let got = handed
            .iter()
            .filter(|handed| matches!(handed, Handed::Statement(_)))
            .count();
        let problems = problems(&handed);
        let first = problems.first().map_or(("", ""), |(problem, _)| {
            (problem.code, problem.place.field.as_deref().unwrap_or(""))
        });
        if got != statements.parse::<usize>().unwrap() || first != (code, field) {
            let all: Vec<String> = problems.iter().map(|(problem, _)| problem.to_string()).collect();
            wrong.push(format!(
                "{file}: {got} statements, {first:?}; wanted {statements}, {code} {field}\n    {}",
                all.join("\n    ")
            ));
        }
        for (problem, dead) in &problems {
            assert_eq!(problem.place.file, "f.json", "{file}");
            assert!(
                problem.place.line.is_some_and(|line| line >= 1),
                "{file} names no line"
            );
            assert!(
                !problem.message.contains("検査") && !problem.message.contains("肺炎"),
                "{file} tells a person's text"
            );
            let is_of_source = dead.is_empty() || bytes.windows(dead.len()).any(|window| window == *dead);
            assert!(
                is_of_source,
                "{file}: the dead letter is no stretch of the source"
            );
            let is_kept = problem.severity != Severity::Error
                || !dead.is_empty()
                || matches!(problem.code, "empty-file" | "truncated");
            assert!(is_kept, "{file}: an error without its bytes");
        }
        count += 1;
    }
    let files = std::fs::read_dir(&folder).unwrap().count() - 1;
    assert_eq!(count, files, "every file stands in the table");
    assert!(count >= 70, "{count} files");
    assert!(
        wrong.is_empty(),
        "{} of {count}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
