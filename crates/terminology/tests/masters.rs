//! Masters of a site: each kind from a small file of the true layout, what it gives to the vocabulary, and what is
//! refused. The files were written for these tests; numbers and most names in them are invented.
#![expect(clippy::non_ascii_literal, reason = "names are Japanese")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests stand outside test functions"
)]

use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tsumugi_tables::TermKind;
use tsumugi_terminology::import::{Imported, Importer, Report, SourceFile};
use tsumugi_terminology::masters::snapshot::{self, SnapshotError};
use tsumugi_terminology::{
    Codes as _, DataFile, MasterKind, Masters, Vocabulary, embedded_files, sources_of, system,
};

static FILES: LazyLock<Vec<DataFile>> = LazyLock::new(embedded_files);
static EMBEDDED: LazyLock<Vocabulary> = LazyLock::new(|| with(&Masters::default()));
static IMPORTER: LazyLock<Importer> = LazyLock::new(|| {
    let mut mistakes = Vec::new();
    let importer = Importer::new(&sources_of(&FILES), &mut mistakes);
    assert_eq!(mistakes, []);
    importer
});

fn with(masters: &Masters) -> Vocabulary {
    Vocabulary::with_masters(&sources_of(&FILES), masters).expect("the tables of data/ make a vocabulary")
}

fn file(name: &str) -> SourceFile<'static> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(name);
    let opened = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    SourceFile {
        name: name.to_owned(),
        reader: Box::new(BufReader::new(opened)),
    }
}

fn import_over(vocabulary: &Vocabulary, kind: MasterKind, names: &[&str]) -> Imported {
    IMPORTER.import(kind, vocabulary, names.iter().map(|name| file(name)).collect())
}

fn import(kind: MasterKind, names: &[&str]) -> Imported {
    import_over(&EMBEDDED, kind, names)
}

/// Imports masters one after the other, and gives the vocabulary with all of them. Each goes through its snapshot.
#[track_caller]
fn joined(kinds: &[(MasterKind, &[&str])]) -> Vocabulary {
    let mut masters = Masters::default();
    for (kind, names) in kinds {
        let vocabulary = with(&masters);
        let imported = import_over(&vocabulary, *kind, names);
        let master = imported.master.unwrap_or_else(|| panic!("{:?}", imported.report));
        let bytes = snapshot::to_bytes(&master, "2026-11-29", "0123456789abcdef");
        let opened = snapshot::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(opened.master, master);
        masters.add(Arc::new(opened.master), opened.digest);
    }
    with(&masters)
}

/// Concepts whose name, as notes write it, this is.
fn named(vocabulary: &Vocabulary, form: &str) -> Vec<String> {
    let mut ids: Vec<String> = vocabulary
        .designations()
        .filter(|designation| designation.form == form)
        .filter_map(|designation| vocabulary.get(designation.key))
        .map(|concept| concept.id.to_string())
        .collect();
    ids.dedup();
    ids
}

fn concept(vocabulary: &Vocabulary, system: &str, code: &str) -> Option<String> {
    vocabulary.maps().concept(system, code).map(|id| id.to_string())
}

const MEDIS: (MasterKind, &[&str]) = (MasterKind::Medis, &["nmain.txt", "index.txt", "mdfy.txt"]);
const SSK: (MasterKind, &[&str]) = (
    MasterKind::Ssk,
    &[
        "b_20250601.txt",
        "z_20250601.txt",
        "y_20250401.csv",
        "s_20240601.csv",
        "c_20240601.csv",
    ],
);
const HOT: (MasterKind, &[&str]) = (MasterKind::Hot, &["MEDIS20250401.TXT", "HOT9_20250401.TXT"]);
const JLAC: (MasterKind, &[&str]) = (
    MasterKind::Jlac,
    &["jlac_shared.csv", "jlac10.csv", "analyte.csv"],
);

#[test]
fn every_row_of_a_right_file_is_taken() {
    for (kind, names, records) in [
        (MEDIS.0, MEDIS.1, 26),
        (SSK.0, SSK.1, 15),
        (HOT.0, HOT.1, 9),
        (JLAC.0, JLAC.1, 7),
        (MasterKind::Loinc, &["LoincTableCore.csv"][..], 3),
    ] {
        let report = import(kind, names).report;
        assert_eq!(report.diagnostics, [], "{kind:?}");
        assert_eq!((report.rejected, report.records), (0, records), "{kind:?}");
        assert_eq!(
            (report.files, report.accepted),
            (names.len() as u64, names.len() as u64),
            "{kind:?}"
        );
    }
}

#[test]
fn a_name_that_both_hold_keeps_the_concept_and_gains_the_codes() {
    let vocabulary = joined(&[MEDIS]);
    assert_eq!(named(&vocabulary, "急性虫垂炎"), ["acute-appendicitis"]);
    let codes = vocabulary.concept("acute-appendicitis").unwrap().codes.clone();
    let code = |address: &str| {
        codes
            .iter()
            .find(|code| &*code.system == address)
            .map(|code| &*code.code)
    };
    assert_eq!(code(system::MEDIS_DISEASE), Some("90000001"));
    assert_eq!(code(system::CLAIM_DISEASE), Some("9000001"));
    let embedded = EMBEDDED.concept("acute-appendicitis").unwrap().codes.clone();
    let icd10 = embedded.iter().find(|code| &*code.system == system::ICD10);
    assert_eq!(
        code(system::ICD10),
        icd10.map(|code| &*code.code),
        "the embedded code holds"
    );
    // Another name of the same concept has codes of its own.
    let key = vocabulary.key("acute-appendicitis").unwrap();
    let worded = vocabulary.codes_as(key, || "カタル性虫垂炎".to_owned()).unwrap();
    assert!(worded.iter().any(|code| &*code.code == "90000002"), "{worded:?}");
    assert!(!worded.iter().any(|code| &*code.code == "90000001"), "{worded:?}");
}

#[test]
fn a_name_that_only_the_master_holds_is_a_concept_of_its_own() {
    let vocabulary = joined(&[MEDIS]);
    for form in ["紡木病", "紡木症候群", "つむぎ木病", "TMGW病"] {
        assert_eq!(named(&vocabulary, form), ["medis:90000004"], "{form}");
    }
    let own = vocabulary.concept("medis:90000004").unwrap();
    assert_eq!((own.kind, &*own.kana), (TermKind::Disease, "つむぎびょう"));
    let parents: Vec<&str> = own
        .parents
        .iter()
        .map(|key| vocabulary.get(*key).unwrap().id.as_str())
        .collect();
    assert_eq!(parents, ["pneumonia"], "J18.9 is the category as a whole");
    // A specific code says nothing of what is broader.
    assert_eq!(
        vocabulary.concept("medis:90000012").unwrap().parents,
        [] as [u32; 0]
    );
    assert_eq!(
        vocabulary.concept("medis:90000007").unwrap().kind,
        TermKind::Finding
    );
    // Readings are searched for, not looked for in notes.
    assert_eq!(named(&vocabulary, "ツムギビョウ"), [] as [&str; 0]);
    assert_eq!(named(&vocabulary, "キヌイト"), [] as [&str; 0]);
    let hit = |typed: &str| vocabulary.search().named(typed, 3).first().map(|hit| hit.key);
    assert_eq!(hit("つむぎびょう"), vocabulary.key("medis:90000004"));
    assert_eq!(hit("キヌイト"), vocabulary.key("medis:90000007"));
    assert_eq!(hit("90000004"), vocabulary.key("medis:90000004"));
    // A variant of a character is the same name.
    assert_eq!(
        vocabulary.concept("medis:90000011").unwrap().name.as_ref(),
        "頚椎絹糸症"
    );
}

#[test]
fn ambiguous_names_stay_with_the_embedded_rule() {
    let vocabulary = joined(&[MEDIS]);
    assert_eq!(named(&vocabulary, "RA"), named(&EMBEDDED, "RA"));
    assert_eq!(named(&vocabulary, "急性"), named(&EMBEDDED, "急性"));
}

#[test]
fn disease_codes_lead_to_concepts_and_back() {
    let vocabulary = joined(&[MEDIS, SSK]);
    for (address, code, wanted) in [
        (system::MEDIS_DISEASE, "90000001", Some("acute-appendicitis")),
        (system::MEDIS_EXCHANGE, "ZA01", Some("acute-appendicitis")),
        (system::CLAIM_DISEASE, "9000001", Some("acute-appendicitis")),
        (system::CLAIM_DISEASE, "9000004", Some("medis:90000004")),
        (system::MEDIS_DISEASE, "90000005", Some("medis:90000004")),
        // Withdrawn: the row that holds instead.
        (system::MEDIS_DISEASE, "90000006", Some("medis:90000004")),
        (system::CLAIM_DISEASE, "9000020", Some("claim-disease:9000020")),
        (system::MEDIS_DISEASE, "99999999", None),
        ("http://example.org/none", "9000001", None),
    ] {
        assert_eq!(concept(&vocabulary, address, code).as_deref(), wanted, "{code}");
    }
    let codes = vocabulary.maps().codes("medis:90000004");
    for code in ["90000004", "90000005", "90000006", "9000004", "ZA04", "J18.9"] {
        assert!(codes.iter().any(|own| &*own.code == code), "{code}: {codes:?}");
    }
    let maps = vocabulary.maps();
    assert_eq!(
        maps.display(system::CLAIM_MODIFIER, "8002").as_deref(),
        Some("の疑い")
    );
    assert_eq!(maps.concept(system::CLAIM_MODIFIER, "8002"), None);
    assert_eq!(
        maps.display(system::CLAIM_COMMENT, "810900001").as_deref(),
        Some("紡績の部位")
    );
    assert_eq!(
        maps.display(system::CLAIM_ACT, "911000110").as_deref(),
        Some("初診料")
    );
}

#[test]
fn codes_of_the_tables_need_no_master() {
    for (address, code, wanted) in [
        (system::LOINC, "8310-5", "test.body-temperature"),
        (system::HPO, "HP:0001945", "fever"),
        (system::JLAC10, "3A010000002327101", "test.total-protein"),
        (system::JLAC10, "3A010", "test.total-protein"),
        (system::TSUMUGI, "fever", "fever"),
    ] {
        assert_eq!(
            concept(&EMBEDDED, address, code).as_deref(),
            Some(wanted),
            "{code}"
        );
    }
    let with_dot = EMBEDDED.maps().keys(system::ICD10, "K35.8");
    assert_eq!(EMBEDDED.maps().keys(system::ICD10, "K358"), with_dot);
    assert!(with_dot.contains(&EMBEDDED.key("acute-appendicitis").unwrap()));
}

#[test]
fn acts_are_concepts_only_where_they_are_items_of_their_own() {
    let vocabulary = joined(&[SSK]);
    assert_eq!(
        concept(&vocabulary, system::CLAIM_ACT, "950000001").as_deref(),
        Some("proc.gastrostomy")
    );
    assert_eq!(named(&vocabulary, "紡績式吻合術"), ["claim-act:950000002"]);
    assert_eq!(named(&vocabulary, "紡績加算"), [] as [&str; 0]);
    assert_eq!(named(&vocabulary, "初診料"), [] as [&str; 0]);
}

#[test]
fn products_lead_to_their_ingredients() {
    let vocabulary = joined(&[SSK, HOT]);
    for (address, code, wanted) in [
        (system::HOT13, "9100001010101", "drug.amlodipine"),
        (system::HOT13, "9100001010199", "drug.amlodipine"),
        (system::HOT9, "910000101", "drug.amlodipine"),
        (system::HOT7, "9100001", "drug.amlodipine"),
        (system::YJ, "9100001F1029", "drug.amlodipine"),
        (system::CLAIM_DRUG, "690000001", "drug.amlodipine"),
        (system::YJ, "9100002S1019", "drug.ketoprofen-topical"),
        (system::YJ, "9100006F1015", "drug.loxoprofen"),
        (system::HOT9, "910000701", "drug.carbocisteine"),
        // By the generic name; the brand is learned.
        (system::CLAIM_DRUG, "690000009", "drug.amlodipine"),
        // One brand in two strengths is one concept.
        (system::HOT7, "9100003", "hot:9100003"),
        (system::HOT7, "9100004", "hot:9100003"),
    ] {
        assert_eq!(
            concept(&vocabulary, address, code).as_deref(),
            Some(wanted),
            "{code}"
        );
    }
    assert_eq!(named(&vocabulary, "オリヒメール"), ["drug.amlodipine"]);
    assert_eq!(named(&vocabulary, "ツムギロン"), ["hot:9100003"]);
    // A combination of two known ingredients is neither of them.
    let combination = concept(&vocabulary, system::HOT7, "9100005").unwrap();
    assert!(combination.starts_with("hot:"), "{combination}");
}

#[test]
fn laboratory_codes_lead_to_analytes() {
    let vocabulary = joined(&[JLAC]);
    for code in ["3A010000002327101", "3A010000002399801", "3A010000001927101"] {
        assert_eq!(
            concept(&vocabulary, system::JLAC10, code).as_deref(),
            Some("test.total-protein"),
            "{code}"
        );
    }
    assert_eq!(
        concept(&vocabulary, system::JLAC11, "CH000000000800000").as_deref(),
        Some("test.total-protein")
    );
    assert_eq!(
        concept(&vocabulary, system::JLAC10, "3B999000002327201").as_deref(),
        Some("jlac10:3B999")
    );
    assert_eq!(named(&vocabulary, "絹糸抗原"), ["jlac10:3Z990"]);
}

#[test]
fn loinc_gives_names_to_codes_and_hpo_names_to_notes() {
    let vocabulary = joined(&[
        (MasterKind::Loinc, &["LoincTableCore.csv"]),
        (MasterKind::Hpo, &["hp.obo", "hp-ja.babelon.tsv"]),
    ]);
    let maps = vocabulary.maps();
    assert_eq!(
        concept(&vocabulary, system::LOINC, "8310-5").as_deref(),
        Some("test.body-temperature")
    );
    assert_eq!(maps.concept(system::LOINC, "99990-1"), None);
    assert_eq!(
        maps.display(system::LOINC, "99990-1").as_deref(),
        Some("Silk [Mass/volume] in Serum, \"raw\"")
    );
    assert_eq!(
        concept(&vocabulary, system::HPO, "HP:0009999").as_deref(),
        Some("fever"),
        "an older id"
    );
    assert_eq!(named(&vocabulary, "絹様毛髪"), ["hpo:HP:9990001"]);
    assert!(maps.is_a(system::HPO, "HP:9990001", "HP:0000118"));
    assert!(!maps.is_a(system::HPO, "HP:0000118", "HP:9990001"));
    assert_eq!(named(&vocabulary, "発熱"), ["fever"]);
}

#[test]
fn snomed_gives_codes_and_its_hierarchy() {
    let names = &[
        "sct2_Concept_Snapshot_X_20250101.txt",
        "sct2_Description_Snapshot_X_20250101.txt",
        "sct2_Relationship_Snapshot_X_20250101.txt",
    ];
    let vocabulary = joined(&[(MasterKind::Snomed, names)]);
    let maps = vocabulary.maps();
    assert_eq!(
        concept(&vocabulary, system::SNOMED, "999000101").as_deref(),
        Some("fever")
    );
    assert_eq!(named(&vocabulary, "絹糸肺"), ["sct:999000102"]);
    assert_eq!(
        maps.broader(system::SNOMED, "999000102"),
        ["404684003"],
        "withdrawn and other relationships are none"
    );
    assert!(maps.is_a(system::SNOMED, "999000102", "138875005"));
    assert_eq!(
        maps.display(system::SNOMED, "999000103"),
        None,
        "no longer active"
    );
    assert_eq!(
        maps.display(system::SNOMED, "999000104").as_deref(),
        Some("Silk thing")
    );
    assert_eq!(maps.concept(system::SNOMED, "999000104"), None);
}

#[test]
fn the_dictionary_of_the_site_goes_before_all() {
    let dictionary = (MasterKind::Dictionary, &["dictionary.csv"][..]);
    let vocabulary = joined(&[MEDIS, dictionary]);
    assert_eq!(named(&vocabulary, "ツム熱"), ["fever"]);
    assert_eq!(
        named(&vocabulary, "頭痛"),
        ["fever"],
        "the site means another concept"
    );
    assert_eq!(named(&EMBEDDED, "頭痛"), ["headache"]);
    assert_eq!(
        named(&vocabulary, "RA"),
        named(&EMBEDDED, "RA"),
        "the words around decide"
    );
    let by_code = named(&vocabulary, "当院虫垂炎");
    assert_eq!(by_code.len(), 1, "{by_code:?}");
}

#[test]
fn a_dictionary_row_that_names_nothing_is_left_out_and_told() {
    let Imported { master, report } = import(MasterKind::Dictionary, &["dictionary.csv"]);
    assert!(master.is_some());
    let found = |line: u32| {
        report
            .diagnostics
            .iter()
            .find(|finding| finding.line == Some(line))
            .unwrap()
    };
    let unknown = found(7);
    assert_eq!(
        (unknown.code, unknown.field.as_deref()),
        ("unknown-concept", Some("concept"))
    );
    assert!(
        unknown.message.contains("tsumugi terms search"),
        "{}",
        unknown.message
    );
    assert_eq!(
        (found(8).code, found(8).field.as_deref()),
        ("cell", Some("reading"))
    );
    assert_eq!(found(5).code, "undecided-name");
    assert_eq!(report.rejected, 2);
}

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
