//! What each master gives: names to notes and searches, codes to concepts.
#![expect(clippy::non_ascii_literal, reason = "names are Japanese")]

use crate::support::{EMBEDDED, HOT, JLAC, MEDIS, SSK, concept, import, joined, named};
use tsumugi_tables::TermKind;
use tsumugi_terminology::import::Imported;
use tsumugi_terminology::{Codes as _, MasterKind, system};

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
