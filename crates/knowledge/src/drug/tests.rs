#![expect(
    clippy::non_ascii_literal,
    reason = "names, units and words of dosages are Japanese"
)]

use super::*;
use tsumugi_terminology::{embedded_files, sources_of};

const HEADS: &[(&str, &str)] = &[
    ("indications", "drug\tcondition\tnote\tstatus\tsource"),
    (
        "contraindications",
        "drug\tcondition\tseverity\tnote\tstatus\tsource",
    ),
    ("interactions", "drug\tpartner\tseverity\tnote\tstatus\tsource"),
    (
        "cross_allergies",
        "allergy\tdrug\tlikelihood\tnote\tstatus\tsource",
    ),
    (
        "organ_doses",
        "drug\torgan\tmeasure\tfrom\tto\taction\tnote\tstatus\tsource",
    ),
    ("pregnancy", "drug\tsituation\tlevel\tnote\tstatus\tsource"),
    (
        "adverse",
        "drug\teffect\tfrequency\tgravity\tnote\tstatus\tsource",
    ),
    (
        "doses",
        "drug\troute\tpopulation\tunit\tusual_low\tusual_high\tmax_day\tmax_single\tper\tnote\tstatus\tsource",
    ),
    ("coverage", "drug\tkinds"),
    ("prescription/roles", "role\tconcept\tnote"),
    ("prescription/dose_words", "form\tsays"),
];

const DRUGS: &str = "id\tname\tsynonyms\tclass\n\
    drug.one\tいち\tOne\tclass.a\n\
    drug.two\tに\t\tclass.b\n\
    drug.both\tいち/に\t\tclass.b\n\
    drug.half\tいち/さん\t\t\n";

/// A book of the rows (folder, cells joined by `|`), each in a table of its own.
fn book_of(rows: &[(&str, &str)]) -> (DrugBook, Vec<String>) {
    let mut tables = vec![
        ("terminology/drugs/x.tsv".to_owned(), DRUGS.to_owned()),
        (
            "terminology/drugs/classes.tsv".to_owned(),
            "id\tname\tparents\nclass.a\tA\tclass.b\nclass.b\tB\t\n".to_owned(),
        ),
        (
            "terminology/diseases/x.tsv".to_owned(),
            "id\tname\n# a remark\nasthma\t喘息\n".to_owned(),
        ),
        (
            "lexicon/units.tsv".to_owned(),
            "form\tucum\tkind\nmg\tmg\tdose\n錠\t{tablet}\tcount\n".to_owned(),
        ),
    ];
    for (index, (folder, cells)) in rows.iter().enumerate() {
        let (_, head) = HEADS.iter().find(|(name, _)| name == folder).unwrap();
        let path = match folder.strip_prefix("prescription/") {
            Some(table) => format!("knowledge/prescription/{table}.tsv"),
            None => format!("knowledge/{folder}/{index}.tsv"),
        };
        tables.push((path, format!("{head}\n{}\n", cells.replace('|', "\t"))));
    }
    let sources: Vec<Source<'_>> = tables.iter().map(|(path, text)| Source { path, text }).collect();
    let mut mistakes = Vec::new();
    let book = DrugBook::new(&sources, &mut mistakes);
    (book, mistakes.iter().map(ToString::to_string).collect())
}

/// Table, cells, and a part of the message.
const BAD_ROWS: &[(&str, &str, &str)] = &[
    (
        "indications",
        "drug.three|asthma||cited|",
        "drug: no concept has the id \"drug.three\"",
    ),
    (
        "indications",
        "asthma|asthma||cited|",
        "drug: \"asthma\" is no drug and no class of drugs",
    ),
    (
        "indications",
        "drug.one|asthmb||cited|",
        "condition: no concept has the id \"asthmb\"",
    ),
    ("indications", "drug.one|asthma||sure|", "unknown status \"sure\""),
    (
        "contraindications",
        "drug.one|asthma|deadly||cited|",
        "unknown severity \"deadly\"",
    ),
    (
        "contraindications",
        "drug.one|||caution||cited|",
        "7 cells, 6 wanted",
    ),
    (
        "interactions",
        "drug.one|drug.two|grave||cited|",
        "unknown severity \"grave\"",
    ),
    (
        "interactions",
        "drug.one||minor||cited|",
        "partner: no concept has the id \"\"",
    ),
    (
        "cross_allergies",
        "allergen.x|drug.one|low||cited|",
        "allergy: no concept",
    ),
    (
        "cross_allergies",
        "class.a|drug.one|some||cited|",
        "unknown likelihood \"some\"",
    ),
    (
        "organ_doses",
        "drug.one|lung|egfr|0|30|avoid||cited|",
        "unknown organ \"lung\"",
    ),
    (
        "organ_doses",
        "drug.one|renal|gfr|0|30|avoid||cited|",
        "unknown measure \"gfr\"",
    ),
    (
        "organ_doses",
        "drug.one|renal|child-pugh|A|C|avoid||cited|",
        "unknown measure \"child-pugh\"",
    ),
    (
        "organ_doses",
        "drug.one|renal|egfr|30|30|avoid||cited|",
        "from is not less than to",
    ),
    (
        "organ_doses",
        "drug.one|renal|egfr|x|30|avoid||cited|",
        "from is no number",
    ),
    (
        "organ_doses",
        "drug.one|renal|egfr|0|30|halve||cited|",
        "unknown action \"halve\"",
    ),
    (
        "organ_doses",
        "drug.one|hepatic|child-pugh|D|D|avoid||cited|",
        "unknown from \"D\"",
    ),
    (
        "organ_doses",
        "drug.one|hepatic|child-pugh|C|B|avoid||cited|",
        "from is more severe than to",
    ),
    (
        "pregnancy",
        "drug.one|birth|avoid||cited|",
        "unknown situation \"birth\"",
    ),
    (
        "pregnancy",
        "drug.one|pregnancy|bad||cited|",
        "unknown level \"bad\"",
    ),
    (
        "adverse",
        "drug.one|asthma|often|plain||cited|",
        "unknown frequency \"often\"",
    ),
    (
        "adverse",
        "drug.one|asthma|rare|bad||cited|",
        "unknown gravity \"bad\"",
    ),
    (
        "doses",
        "drug.one|oral|senior|mg|1|2|3||||cited|",
        "unknown population \"senior\"",
    ),
    (
        "doses",
        "drug.one|oral|adult|mg|2|1|3||||cited|",
        "usual_low <= usual_high <= max_day",
    ),
    (
        "doses",
        "drug.one|oral|adult|mg|0|0|0||||cited|",
        "a max_day above 0",
    ),
    (
        "doses",
        "drug.one|oral|adult|mg|1|2|-3||||cited|",
        "max_day is no number",
    ),
    (
        "doses",
        "drug.one|oral|adult|mg|1|2|3|x|||cited|",
        "max_single is no number",
    ),
    (
        "doses",
        "drug.one|oral|adult|mg|1|2|3||lb||cited|",
        "unknown per \"lb\"",
    ),
    (
        "doses",
        "drug.one|oral|adult||1|2|3||||cited|",
        "route and unit must be given",
    ),
    ("coverage", "drug.one|moon", "unknown kind \"moon\""),
    ("prescription/roles", "king|asthma|", "unknown role \"king\""),
    (
        "prescription/roles",
        "pregnant|asthmb|",
        "concept: no concept has the id \"asthmb\"",
    ),
    ("prescription/dose_words", "x|often", "unknown says \"often\""),
];

#[test]
fn a_bad_row_is_a_mistake_with_its_place_and_is_left_out() {
    for (folder, cells, message) in BAD_ROWS {
        let (book, mistakes) = book_of(&[(folder, cells)]);
        assert_eq!(mistakes.len(), 1, "{folder} {cells}: {mistakes:?}");
        let place = format!("data/knowledge/{folder}");
        assert!(mistakes[0].starts_with(&place), "{folder} {cells}: {mistakes:?}");
        assert!(mistakes[0].contains(".tsv:2: "), "{folder} {cells}: {mistakes:?}");
        assert!(mistakes[0].contains(message), "{mistakes:?} for {message}");
        let is_empty = book.indications("drug.one").is_empty()
            && book.contraindications("drug.one").is_empty()
            && book.interactions("drug.one").is_empty()
            && book.organ_doses("drug.one").is_empty()
            && book.reproduction("drug.one").is_empty()
            && book.adverse_effects("drug.one").is_empty()
            && book.usual_doses("drug.one").is_empty()
            && book.coverage("drug.one").is_none();
        assert!(is_empty, "{folder} {cells}");
    }
}

#[test]
fn a_good_row_keeps_its_place_status_and_source() {
    let (book, mistakes) = book_of(&[(
        "contraindications",
        "drug.one|asthma|contraindicated|why|cited|a book",
    )]);
    assert_eq!(mistakes, Vec::<String>::new());
    let row = &book.contraindications("drug.one")[0];
    assert_eq!(row.objection, Objection::Contraindicated);
    let basis = Basis {
        table: "knowledge/contraindications/0.tsv".into(),
        line: 2,
        status: Status::Cited,
        source: "a book".into(),
        note: "why".into(),
    };
    assert_eq!(row.basis, basis);
}

#[test]
fn an_interaction_stands_at_both_partners_and_once_at_one() {
    let (book, mistakes) = book_of(&[
        ("interactions", "drug.one|class.b|serious|why|cited|"),
        ("interactions", "class.a|class.a|minor|why|cited|"),
    ]);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!(book.interactions("drug.one")[0].partner.as_ref(), "class.b");
    assert_eq!(book.interactions("class.b")[0].partner.as_ref(), "drug.one");
    assert_eq!(book.interactions("class.b")[0].severity, Severity::Serious);
    assert_eq!(book.interactions("class.a").len(), 1);
}

#[test]
fn a_cross_allergy_holds_both_ways_unless_both_are_written() {
    let (book, _) = book_of(&[
        ("cross_allergies", "drug.one|class.b|high||cited|"),
        ("cross_allergies", "drug.two|class.b|high||cited|"),
        ("cross_allergies", "class.b|drug.two|low||cited|"),
    ]);
    let of_class: Vec<(&str, Likelihood)> = book
        .cross_allergies("class.b")
        .iter()
        .map(|row| (row.drug.as_ref(), row.likelihood))
        .collect();
    assert_eq!(
        of_class,
        [("drug.two", Likelihood::Low), ("drug.one", Likelihood::High)]
    );
}

#[test]
fn a_unit_is_read_as_written_and_the_first_sentence_says_what_is_weekly() {
    for (unit, note, ucum, is_weekly) in [
        ("mg", "", "mg", false),
        ("錠", "週1回", "{tablet}", true),
        ("mg", "毎日。別の病気では週1回", "mg", false),
        ("枚", "週1回に貼る。毎日は使わない", "枚", true),
    ] {
        let row = format!("drug.one|oral|adult|{unit}|1|2|3|2|kg|{note}|cited|");
        let (book, mistakes) = book_of(&[("prescription/dose_words", "週1回|weekly"), ("doses", &row)]);
        assert_eq!(mistakes, Vec::<String>::new());
        let dose = &book.usual_doses("drug.one")[0];
        assert_eq!(dose.unit.as_ref(), ucum, "{row}");
        assert_eq!(dose.unit_name.as_ref(), unit, "{row}");
        assert_eq!(dose.is_weekly, is_weekly, "{row}");
        assert!(dose.per_kilogram);
        assert_eq!(dose.max_single, Some(2.0));
    }
}

#[test]
fn the_longest_word_of_a_dosage_hides_the_shorter() {
    let words: Vec<(Box<str>, DoseWord)> = [
        ("1回", DoseWord::Dose),
        ("1日", DoseWord::Day),
        ("1日3回", DoseWord::Times),
        ("分3", DoseWord::Day),
    ]
    .map(|(form, word)| (form.into(), word))
    .to_vec();
    for (text, said) in [
        ("60mg 3錠 分3", vec![DoseWord::Day]),
        ("60mg 1回1錠 1日3回", vec![DoseWord::Dose, DoseWord::Times]),
        ("60mg 1日3回", vec![DoseWord::Times]),
        ("1日3錠", vec![DoseWord::Day]),
        ("60mg", vec![]),
        ("", vec![]),
    ] {
        let got: Vec<DoseWord> = support::dose_words(&words, text).into_iter().collect();
        assert_eq!(got, said, "{text}");
    }
}

#[test]
fn a_combination_has_the_lineage_of_its_ingredients() {
    let (book, _) = book_of(&[]);
    assert_eq!(
        book.ingredients("drug.both"),
        ["drug.one".into(), "drug.two".into()]
    );
    assert_eq!(book.ingredients("drug.half"), ["drug.one".into()]);
    assert!(book.ingredients("drug.one").is_empty());
    let files = embedded_files();
    let vocabulary = Vocabulary::new(&sources_of(&files)).unwrap();
    let book = DrugBook::new(&sources_of(&files), &mut Vec::new());
    let lineage = book.lineage(&vocabulary, "drug.tramadol-acetaminophen");
    let ids: Vec<&str> = lineage.iter().map(AsRef::as_ref).collect();
    assert_eq!(
        ids[..3],
        [
            "drug.tramadol-acetaminophen",
            "drug.tramadol",
            "drug.acetaminophen"
        ]
    );
    assert!(
        ids.contains(&"class.opioid") && ids.contains(&"class.antipyretic"),
        "{ids:?}"
    );
    assert_eq!(book.lineage(&vocabulary, "drug.nobody").len(), 1);
}

#[test]
fn the_embedded_tables_have_no_mistake() {
    let files = embedded_files();
    let mut mistakes = Vec::new();
    let book = DrugBook::new(&sources_of(&files), &mut mistakes);
    assert_eq!(mistakes, []);
    for (word, role) in Role::WORDS {
        assert!(!book.role(*role).is_empty(), "nothing plays the part {word}");
    }
}
