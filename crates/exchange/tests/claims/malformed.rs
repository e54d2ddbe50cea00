//! Malformed files with what becomes of them: one table a standard.

use super::{Read, device, dpc, folder, okusuri, uke};
use tsumugi_exchange::feed::Origin;

fn check(standard: &str, read: impl Fn(&[u8]) -> Read) {
    let folder = folder().join("malformed").join(standard);
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut files = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [name, statements, dead, code, line, field] = cells[..] else {
            panic!("{row}")
        };
        files += 1;
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let got = read(&bytes);
        got.covers(bytes.len());
        let told: Vec<String> = got
            .problems
            .iter()
            .chain(got.dead.iter().map(|(problem, _)| problem))
            .map(ToString::to_string)
            .collect();
        let counts = (got.statements.len().to_string(), got.dead.len().to_string());
        let is_told = code == "-"
            || got
                .problems
                .iter()
                .chain(got.dead.iter().map(|(problem, _)| problem))
                .any(|problem| {
                    problem.code == code
                        && (line.is_empty()
                            || problem
                                .place
                                .line
                                .is_some_and(|number| number.to_string() == line))
                        && (field.is_empty() || problem.place.field.as_deref() == Some(field))
                });
        if counts != (statements.to_owned(), dead.to_owned()) || !is_told {
            wrong.push(format!("{standard}/{name}: {statements} in, {dead} dead, {code} at {line} {field} wanted; {counts:?} {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stored = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(stored, files + 1, "every file of {standard} stands in its table");
}

#[test]
fn claims() {
    check("uke", |bytes| uke::read(bytes, &Origin::file("bad.uke")));
}

#[test]
fn survey_files() {
    check("dpc", dpc::read);
}

#[test]
fn notebooks() {
    check("okusuri", |bytes| okusuri::read(bytes, &Origin::file("bad.txt")));
}

#[test]
fn device_exports() {
    let tables = tsumugi_exchange::device::Tables::embedded();
    check("device", |bytes| {
        Read::of(|sink| tsumugi_exchange::device::read(bytes, &Origin::file("bad.csv"), &tables, None, sink))
    });
    // With a patient named, the same files are in.
    assert_eq!(
        device::read(&super::file("pressure.csv"), None).statements.len(),
        2
    );
}
