//! What is offered, on the embedded tables of diseases, findings and some drugs.

#![expect(clippy::expect_used, reason = "a table that cannot be read is a failed test")]
#![expect(clippy::non_ascii_literal, reason = "notes are Japanese")]

use std::sync::{Arc, OnceLock};
use tsumugi_prediction::{
    Ask, DrugLine, DrugLines, From, History, HistoryError, Keyboard, LineOf, Predictor, Suggestions, Unit,
};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

struct Tables {
    vocabulary: Vocabulary,
    predictor: Predictor,
    keyboard: Keyboard,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let kept = [
            "terminology/diseases/",
            "terminology/findings/",
            "terminology/sites/",
            "terminology/drugs/cardiovascular",
            "terminology/drugs/classes",
            "lexicon/romaji",
            "prediction/",
        ];
        let mut files = embedded_files();
        files.retain(|file| kept.iter().any(|own| file.path.starts_with(own)));
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary is sound");
        let mut mistakes = Vec::new();
        let tables = Tables {
            predictor: Predictor::new(&sources, &vocabulary, &mut mistakes),
            keyboard: Keyboard::new(&sources, &mut mistakes),
            vocabulary,
        };
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        tables
    })
}

fn unit(surface: &str, concept: Option<&str>) -> Unit {
    Unit {
        surface: surface.to_owned(),
        reading: String::new(),
        concept: concept.map(Arc::from),
    }
}

/// A history that holds each note so many times.
fn history(notes: &[(usize, &[Unit])]) -> History {
    let mut history = History::default();
    for (times, note) in notes {
        for _ in 0..*times {
            tables().predictor.learn(&mut history, &tables().vocabulary, note);
        }
    }
    history
}

#[derive(Default)]
struct Case<'a> {
    before: &'a [Unit],
    typed: &'a str,
    likely: &'a [(Arc<str>, f64)],
    lines: &'a [DrugLine],
    personal: History,
    site: History,
}

fn ask(case: &Case<'_>) -> Suggestions {
    let ask = Ask {
        before: case.before,
        typed: case.typed,
        likely: case.likely,
        lines: case.lines,
        personal: &case.personal,
        site: &case.site,
        most: 5,
    };
    tables().predictor.suggest(&tables().vocabulary, &ask)
}

fn texts(suggestions: &Suggestions) -> Vec<&str> {
    suggestions.list.iter().map(|own| own.text.as_str()).collect()
}

#[test]
fn surface_kana_and_romaji_of_any_spelling_reach_a_name() {
    for typed in [
        "hatu", "hatsu", "hatun", "hatsun", "はつ", "はつn", "ハツ", "発", "発熱",
    ] {
        let offered = ask(&Case {
            typed,
            ..Case::default()
        });
        assert!(
            texts(&offered).contains(&"発熱"),
            "{typed}: {:?}",
            texts(&offered)
        );
    }
}

#[test]
fn nothing_that_is_typed_is_too_strange() {
    let long = "あ".repeat(10_000);
    for typed in ["", " ", "\n", "\u{0}", "😀", "zzzz", ";", "{}", &long] {
        let offered = ask(&Case {
            typed,
            ..Case::default()
        });
        assert!(offered.list.len() <= 5);
    }
}

#[test]
fn the_facts_so_far_move_a_name_up() {
    let plain = ask(&Case {
        typed: "か",
        ..Case::default()
    });
    let likely = [(Arc::from("hemoptysis"), 1.0)];
    let expected = ask(&Case {
        typed: "か",
        likely: &likely,
        ..Case::default()
    });
    let place = |offered: &Suggestions| {
        offered
            .list
            .iter()
            .position(|own| own.concept.as_deref() == Some("hemoptysis"))
    };
    assert_ne!(place(&plain), Some(0), "{:?}", texts(&plain));
    assert_eq!(place(&expected), Some(0), "{:?}", texts(&expected));
}

#[test]
fn what_followed_before_follows_again_by_concept() {
    let note = [unit("発熱", Some("fever")), unit("解熱薬で経過をみる", None)];
    let personal = history(&[(4, &note)]);
    // The same concept in another word.
    let before = [unit("熱発", Some("fever"))];
    let offered = ask(&Case {
        before: &before,
        personal,
        ..Case::default()
    });
    let first = offered.list.first().expect("something is offered");
    assert_eq!(first.text, "解熱薬で経過をみる");
    assert_eq!(first.from, [From::Personal]);
    assert!(offered.is_sure);
}

#[test]
fn no_number_of_another_note_is_offered() {
    let note = [
        unit("体温", None),
        unit("38.9", None),
        unit("3日前より悪寒", None),
        unit("1型糖尿病で", Some("type-1-diabetes")),
        unit("通院中の由", None),
    ];
    let personal = history(&[(5, &note)]);
    for (before, typed) in [("体温", ""), ("体温", "3"), ("悪寒", ""), ("悪寒", "38")] {
        let offered = ask(&Case {
            before: &[unit(before, None)],
            typed,
            personal: personal.clone(),
            ..Case::default()
        });
        let own = offered
            .list
            .iter()
            .filter(|one| one.from.contains(&From::Personal));
        let told: Vec<&str> = own.map(|one| one.text.as_str()).collect();
        assert!(
            !told
                .iter()
                .any(|text| text.contains("38") || text.contains("3日")),
            "{before}|{typed}: {told:?}"
        );
    }
    let before = [unit("1型糖尿病で", Some("type-1-diabetes"))];
    let offered = ask(&Case {
        before: &before,
        personal,
        ..Case::default()
    });
    let first = offered.list.first().expect("a name may hold a number");
    assert_eq!(first.text, "通院中の由");
}

#[test]
fn ghost_text_needs_a_clear_lead_and_four_kana() {
    let before = [unit("経過", None)];
    let certain = |text: &str| {
        let note = [unit("経過", None), unit(text, None)];
        ask(&Case {
            before: &before,
            personal: history(&[(9, &note)]),
            ..Case::default()
        })
        .is_sure
    };
    assert!(certain("ひじょうによい"));
    assert!(!certain("よい"));
    let (one, other) = (
        [unit("経過", None), unit("ひじょうによい", None)],
        [unit("経過", None), unit("まったくわるい", None)],
    );
    let personal = history(&[(5, &one), (5, &other)]);
    assert!(
        !ask(&Case {
            before: &before,
            personal,
            ..Case::default()
        })
        .is_sure
    );
}

#[test]
fn a_finding_goes_on_with_its_denial() {
    let before = [unit("発熱", Some("fever"))];
    let offered = ask(&Case {
        before: &before,
        ..Case::default()
    });
    assert!(
        texts(&offered).iter().any(|text| text.starts_with("なし")),
        "{:?}",
        texts(&offered)
    );
    // Behind a particle it does not.
    let before = [unit("発熱は", Some("fever"))];
    let offered = ask(&Case {
        before: &before,
        ..Case::default()
    });
    assert!(
        offered
            .list
            .iter()
            .all(|own| !own.from.contains(&From::Continuation)),
        "{:?}",
        offered.list
    );
}

#[test]
fn a_phrase_of_the_site_is_offered_once_three_notes_hold_it() {
    let note = [unit("連絡先は", None), unit("紡木太郎さん方", None)];
    let before = [unit("連絡先は", None)];
    for (notes, wanted) in [(2, false), (3, true)] {
        let offered = ask(&Case {
            before: &before,
            site: history(&[(notes, &note)]),
            ..Case::default()
        });
        assert_eq!(
            texts(&offered).contains(&"紡木太郎さん方"),
            wanted,
            "{notes} notes"
        );
    }
}

#[test]
fn a_drug_line_is_as_this_patient_takes_it() {
    let line = |text: &str, of, count| DrugLine {
        drug: "drug.amlodipine".into(),
        text: text.to_owned(),
        of,
        count,
    };
    let lines = [
        line(" 2.5mg 1錠 分1 朝食後", LineOf::Ward, 40),
        line(" 5mg 1錠 分1 夕食後", LineOf::Patient, 1),
    ];
    let before = [unit("アムロジピン", Some("drug.amlodipine"))];
    let offered = ask(&Case {
        before: &before,
        lines: &lines,
        ..Case::default()
    });
    let first: Vec<&str> = texts(&offered).into_iter().take(2).collect();
    assert_eq!(first, [" 5mg 1錠 分1 夕食後", " 2.5mg 1錠 分1 朝食後"]);
    assert_eq!(DrugLines::given("drug.warfarin", &lines).len(), 0);
    // Nobody gave it: its usual unit, and no amount.
    let usual = tables().predictor.drug_lines().usual("drug.amlodipine");
    let form = usual.first().expect("tablets have a form");
    assert_eq!(form.filled(&[None, None, None, None, None]), "");
    assert_eq!(
        form.filled(&[Some("5mg"), Some("1錠"), Some("分1"), None, None]),
        "5mg 1錠 分1"
    );
}

#[test]
fn a_history_comes_back_from_its_bytes() {
    let note = [
        unit("発熱", Some("fever")),
        unit("なし。", None),
        Unit::line_break(),
        unit("次回", None),
    ];
    let kept = history(&[(3, &note)]);
    let bytes = kept.to_bytes();
    assert_eq!(History::from_bytes(&bytes).expect("our own bytes"), kept);
    assert_eq!(history(&[(3, &note)]).to_bytes(), bytes);
    assert!(matches!(History::from_bytes(&[]), Err(HistoryError::Form(0))));
    assert!(matches!(
        History::from_bytes(&[9, 1, 2]),
        Err(HistoryError::Form(9))
    ));
    let cut = bytes.get(..bytes.len() / 2).expect("half");
    assert!(matches!(History::from_bytes(cut), Err(HistoryError::Broken(_))));
}

#[test]
fn memory_is_bounded() {
    // Numbers are not learned: each digit is a letter.
    let word = |block: u32, at: u32| -> String {
        let letter = |c: char| {
            c.to_digit(10).map_or('・', |digit| {
                "アイウエオカキクケコ".chars().nth(digit as usize).unwrap_or('ン')
            })
        };
        format!("{block}-{at}").chars().map(letter).collect()
    };
    let mut kept = History::default();
    for block in 0..60_u32 {
        let note: Vec<Unit> = (0..2_000_u32).map(|at| unit(&word(block, at), None)).collect();
        tables().predictor.learn(&mut kept, &tables().vocabulary, &note);
    }
    assert!(kept.to_bytes().len() < 20_000_000);
    let before = [unit(&word(59, 1998), None)];
    let offered = ask(&Case {
        before: &before,
        personal: kept,
        ..Case::default()
    });
    assert_eq!(texts(&offered).first(), Some(&word(59, 1999).as_str()));
}

#[test]
fn the_fewest_keys_of_a_reading_are_counted() {
    for (reading, keys) in [
        ("はつねつ", "hatunetu"),
        ("きょうつう", "kyoutuu"),
        ("じゅしん", "jusinn"),
        ("けっさつ", "kessatu"),
        ("あんてい", "antei"),
        ("けんおん", "kennonn"),
        ("しんねん", "sinnnenn"),
        ("5mg、", "5mg,"),
    ] {
        assert_eq!(tables().keyboard.keys(reading), keys, "{reading}");
    }
}

#[test]
fn every_snippet_vanishes_when_nothing_is_chosen() {
    let mut count = 0;
    for snippet in tables().predictor.snippets().iter() {
        let none: Vec<Option<&str>> = snippet.slots().map(|_| None).collect();
        assert_eq!(snippet.filled(&none), "", "{}", snippet.key);
        let last: Vec<Option<&str>> = snippet
            .slots()
            .enumerate()
            .map(|(at, choices)| {
                choices
                    .iter()
                    .find(|own| !own.contains('_'))
                    .filter(|_| at % 2 == 1)
                    .map(AsRef::as_ref)
            })
            .collect();
        let text = snippet.filled(&last);
        assert!(
            !text.contains("、、") && !text.ends_with('、') && !text.starts_with('、'),
            "{text}"
        );
        count += 1;
    }
    assert!(count >= 40);
    let called = tables().predictor.snippets().beginning_with(";a").count();
    assert!(called > 1 && tables().predictor.snippets().get(";ab").is_some());
}
