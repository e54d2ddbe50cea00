//! What is refused, what is left out, corrected layouts, snapshots.
#![expect(clippy::non_ascii_literal, reason = "headings are Japanese")]

use crate::support::{EMBEDDED, FILES, IMPORTER, MEDIS, file, import};
use std::path::PathBuf;
use std::sync::Arc;
use tsumugi_terminology::import::{Imported, Importer, Report, SourceFile};
use tsumugi_terminology::masters::snapshot::{self, SnapshotError};
use tsumugi_terminology::{MasterKind, Masters, sources_of};

/// Nothing comes out, and the first diagnostic says what, where and what to do.
#[track_caller]
fn refused(kind: MasterKind, names: &[&str], code: &str, line: u32, words: &[&str]) {
    let Imported { master, report } = import(kind, names);
    assert!(master.is_none(), "{names:?}");
    let first = report
        .diagnostics
        .first()
        .unwrap_or_else(|| panic!("{names:?}: {report:?}"));
    assert_eq!((first.code, first.line), (code, Some(line)), "{first:?}");
    assert!(names.contains(&first.file.as_str()), "{first:?}");
    let said = format!("{} {}", first.field.as_deref().unwrap_or(""), first.message);
    for word in words {
        assert!(said.contains(word), "no \"{word}\" in {said}");
    }
    assert!(report.rejected > 0, "{report:?}");
}

#[test]
fn a_wrong_or_newer_layout_is_refused_whole() {
    let medis = MasterKind::Medis;
    refused(
        medis,
        &["nmain_cut.txt"],
        "layout",
        1,
        &["19", "20", "tsumugi terms layouts"],
    );
    refused(medis, &["nmain_new.txt"], "layout", 1, &["22", "--layouts"]);
    refused(
        medis,
        &["nmain_short_line.txt"],
        "layout",
        4,
        &["7 columns", "20 wanted"],
    );
    refused(medis, &["nmain_utf8.txt"], "charset", 1, &["UTF-8", "CP932"]);
    refused(medis, &["index_broken.txt"], "charset", 2, &["CP932"]);
    refused(medis, &["nmain.txt", "empty.txt"], "empty", 1, &["empty"]);
    refused(medis, &["hp.obo"], "layout", 1, &["main", "index"]);
    refused(
        MasterKind::Loinc,
        &["loinc_other.csv"],
        "layout",
        1,
        &["LOINC_NUM", "missing"],
    );
    refused(MasterKind::Loinc, &["nmain.txt"], "charset", 1, &["UTF-8"]);
    refused(MasterKind::Ssk, &["nmain.txt"], "layout", 1, &["tables of ssk"]);
    refused(
        MasterKind::Hpo,
        &["LoincTableCore.csv"],
        "layout",
        1,
        &["subject_id"],
    );
    refused(MasterKind::Snomed, &["dictionary.csv"], "layout", 1, &["id"]);
}

#[test]
fn wrong_rows_are_left_out_with_line_and_field_and_the_rest_is_in() {
    let Imported { master, report } = import(MasterKind::Medis, &["nmain_bad_rows.txt"]);
    let places: Vec<(Option<u32>, Option<&str>, &str)> = report
        .diagnostics
        .iter()
        .map(|finding| (finding.line, finding.field.as_deref(), finding.code))
        .collect();
    assert_eq!(
        places,
        [
            (Some(3), Some("病名管理番号"), "cell"),
            (Some(5), Some("ＩＣＤ１０‐２０１３"), "cell"),
            (Some(6), Some("病名管理番号"), "duplicate-key"),
        ]
    );
    assert_eq!((report.rejected, report.records, report.accepted), (3, 9, 1));
    assert_eq!(master.unwrap().entries.len(), 9);
}

#[test]
fn a_corrected_layout_reads_a_newer_file() {
    let mut files = FILES.clone();
    for table in &mut files {
        if table.path == "terminology/layouts/files.tsv" {
            let newer = table.text.replace(
                "medis\tmain\tcomma\teither\tcp932\t20\t20",
                "medis\tmain\tcomma\teither\tcp932\t22\t22",
            );
            assert_ne!(newer, table.text);
            table.text = newer.into();
        }
    }
    let mut mistakes = Vec::new();
    let importer = Importer::new(&sources_of(&files), &mut mistakes);
    assert_eq!(mistakes, []);
    let imported = importer.import(MasterKind::Medis, &EMBEDDED, vec![file("nmain_new.txt")]);
    assert_eq!(imported.report.records, 12, "{:?}", imported.report);
    assert!(imported.master.is_some());
}

#[test]
fn a_mistake_in_a_layout_is_told_with_its_line() {
    let mut files = FILES.clone();
    for table in &mut files {
        if table.path == "terminology/layouts/medis.tsv" {
            table.text = table.text.replacen("digits:8", "digit:8", 1).into();
        }
    }
    let mut mistakes = Vec::new();
    drop(Importer::new(&sources_of(&files), &mut mistakes));
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!(mistakes[0].line, 3);
    assert!(
        mistakes[0].message.contains("digits:N"),
        "{}",
        mistakes[0].message
    );
}

#[test]
fn an_altered_or_cut_snapshot_is_refused() {
    let master = import(MasterKind::Medis, MEDIS.1).master.unwrap();
    let bytes = snapshot::to_bytes(&master, "2026-11-29", "0123456789abcdef");
    assert_eq!(
        bytes,
        snapshot::to_bytes(&master, "2026-11-29", "0123456789abcdef")
    );
    let opened = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(opened.manifest.entries, master.entries.len() as u64);
    assert_eq!(opened.manifest.edition, "20250601");
    assert_eq!(opened.manifest.files.len(), 3);
    assert_eq!(opened.manifest.files[0].sha256.len(), 64);
    for at in [60, bytes.len() / 2, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert_eq!(
            snapshot::from_bytes(&altered),
            Err(SnapshotError::Damaged),
            "byte {at}"
        );
    }
    for length in [0, 5, 17, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(snapshot::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut newer = bytes;
    newer[15] = 9;
    assert_eq!(
        snapshot::from_bytes(&newer),
        Err(SnapshotError::OtherFormat { found: 9 })
    );
    assert_eq!(snapshot::from_bytes(b"PK"), Err(SnapshotError::NotASnapshot));
}

#[test]
fn the_edition_names_the_masters() {
    let master = import(MasterKind::Medis, MEDIS.1).master.unwrap();
    let digest = |imported: &str| {
        let bytes = snapshot::to_bytes(&master, imported, "0123456789abcdef");
        snapshot::from_bytes(&bytes).unwrap().digest
    };
    let mut masters = Masters::default();
    assert_eq!(masters.edition(), "");
    masters.add(Arc::new(master.clone()), digest("2026-11-29"));
    let one = masters.edition();
    assert_eq!((one.len(), one.starts_with('+')), (9, true), "{one}");
    masters.add(Arc::new(master.clone()), digest("2026-11-30"));
    assert_eq!(masters.iter().count(), 1, "one of a kind");
    assert_ne!(masters.edition(), one);
}

#[test]
fn no_file_makes_it_panic() {
    let names = [
        "nmain.txt",
        "MEDIS20250401.TXT",
        "b_20250601.txt",
        "hp.obo",
        "dictionary.csv",
        "jlac_shared.csv",
    ];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut report = Report::default();
    for name in names {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        for round in 0..8 {
            let mut altered = bytes.clone();
            for _ in 0..=round {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let at = (seed as usize) % altered.len();
                altered[at] = (seed >> 32) as u8;
            }
            altered.truncate(altered.len() - (seed as usize % altered.len()) / 3);
            for kind in MasterKind::ALL {
                let source = SourceFile {
                    name: name.to_owned(),
                    reader: Box::new(std::io::Cursor::new(altered.clone())),
                };
                let imported = IMPORTER.import(kind, &EMBEDDED, vec![source]);
                assert_eq!(imported.report.files, 1);
                report.records += imported.report.records;
            }
        }
    }
    assert!(
        report.records > 0,
        "some rows are read whatever stands beside them"
    );
}
