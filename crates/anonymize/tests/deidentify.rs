//! De-identification as a whole: what must hold of any text, terms that stay, known names, surrogates, grammars.
#![expect(
    clippy::non_ascii_literal,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test notes are Japanese, and a test may panic"
)]

use proptest::prelude::*;
use std::sync::OnceLock;
use tsumugi_anonymize::deidentify::{DateStyle, Deidentifier, Findings, Kind, Known, Model, Rewriter, Style};
use tsumugi_tables::Table;
use tsumugi_terminology::{
    Vocabulary, deidentification_files, embedded_deidentifier, engine_files, sources_of,
};

fn deidentifier() -> &'static Deidentifier {
    static MADE: OnceLock<Deidentifier> = OnceLock::new();
    MADE.get_or_init(|| {
        let engine = engine_files();
        let vocabulary = Vocabulary::new(&sources_of(&engine)).unwrap();
        let terms = vocabulary
            .designations()
            .filter(|term| !term.needs_value)
            .map(|term| term.form);
        let model = Model::load(&embedded_deidentifier().unwrap()).unwrap();
        let tables = deidentification_files();
        Deidentifier::new(&sources_of(&tables), terms, Some(model)).unwrap()
    })
}

fn rewriter() -> &'static Rewriter {
    static MADE: OnceLock<Rewriter> = OnceLock::new();
    MADE.get_or_init(|| Rewriter::new(&sources_of(&deidentification_files())).unwrap())
}

fn find(text: &str) -> Findings {
    deidentifier().find(text, &Known::default())
}

/// Spans as type and text.
fn told(text: &str) -> Vec<(Kind, String)> {
    let chars: Vec<char> = text.chars().collect();
    let spans = find(text).spans;
    spans
        .iter()
        .map(|span| (span.kind, chars[span.start..span.end].iter().collect()))
        .collect()
}

#[test]
fn what_can_be_read_in_one_way_only_is_found() {
    for (note, kind, text) in [
        ("令和6年3月5日に受診", Kind::Date, "令和6年3月5日"),
        ("昭和三十三年四月二日生", Kind::Date, "昭和三十三年四月二日"),
        ("Ｓ３８．７．２２生", Kind::Date, "Ｓ３８．７．２２"),
        ("R5年8月以降に", Kind::Date, "R5年8月"),
        ("2023-06-19 外来", Kind::Date, "2023-06-19"),
        ("May 8, 2024 seen", Kind::Date, "May 8, 2024"),
        ("10.Jan.2025 seen", Kind::Date, "10.Jan.2025"),
        ("父は九十六歳で健在", Kind::Age, "九十六歳"),
        ("９８才の母", Kind::Age, "９８才"),
        (
            "電話は０９０－０１７７－４４１０へ",
            Kind::Phone,
            "０９０－０１７７－４４１０",
        ),
        ("電話 0467(00)1234 まで", Kind::Phone, "0467(00)1234"),
        ("+51 1 000 0188 へ", Kind::Phone, "+51 1 000 0188"),
        ("メール a.b+c@example.ne.jp。", Kind::Email, "a.b+c@example.ne.jp"),
        ("車両 湘南 501 さ 38-26、父名義", Kind::Id, "湘南 501 さ 38-26"),
    ] {
        let found = told(note);
        assert!(
            found.contains(&(kind, text.to_owned())),
            "{note}: no {kind:?} {text} in {found:?}"
        );
    }
}

#[test]
fn what_is_no_date_no_age_and_no_number_stays() {
    for note in [
        "BP 120/80、MMT 4/5、pN1a(1/22)。",
        "2018年に手術、11月から内服、術後3日。",
        "85歳、40代、生後3か月。",
        "14時30分に入室、15:40退室。",
        "HbA1c 7.9、Cr 0.88、WBC 16800。",
    ] {
        let found = told(note);
        let wrong = found
            .iter()
            .any(|(kind, _)| matches!(kind, Kind::Date | Kind::Age | Kind::Phone));
        assert!(!wrong, "{note}: {found:?}");
    }
}

#[test]
fn every_eponym_stays() {
    let tables = deidentification_files();
    let sources = sources_of(&tables);
    let source = sources
        .iter()
        .find(|source| source.path.ends_with("eponyms.tsv"))
        .unwrap();
    let table = Table::parse(*source, &mut Vec::new());
    let mut damaged = Vec::new();
    for row in table.rows() {
        let term = row.get("term");
        let note = format!("既往は{term}のみ。");
        if !find(&note).spans.is_empty() {
            damaged.push(term);
        }
    }
    assert!(damaged.is_empty(), "{damaged:?}");
}

#[test]
fn a_known_name_is_found_by_its_parts_and_not_inside_of_a_word() {
    let known = Known {
        names: vec!["林 そら".to_owned()],
        ..Known::default()
    };
    let note = "林さんが来た。そらちゃんも。森林公園。林業。";
    let findings = deidentifier().find(note, &known);
    let spans: Vec<(usize, usize)> = findings.spans.iter().map(|span| (span.start, span.end)).collect();
    assert_eq!(spans, [(0, 1), (7, 9)]);
}

#[test]
fn a_rare_fact_is_left_to_a_person() {
    let note = "本人は県内最高齢の聖火ランナー。咳が続く。";
    let review = find(note).review;
    assert!(
        review
            .iter()
            .any(|doubt| doubt.reason.word() == "rare" && doubt.start == 0 && doubt.end == 15),
        "{review:?}"
    );
}

#[test]
fn dates_keep_their_notation_and_their_distance() {
    let note = "令和6年4月18日入院、2024/04/20手術、4/25退院。H31.1.5生。";
    let (text, replaced) = rewriter().rewrite(note, &find(note), Style::Surrogates, DateStyle::Shift, 77);
    assert!(replaced.len() >= 3, "{text}");
    assert!(text.contains("年") && text.contains("日入院"), "{text}");
    let second = &replaced[1].text;
    assert_eq!((second.len(), second.matches('/').count()), (10, 2), "{text}");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("森田 桜子"),
        Just("堀"),
        Just("さん"),
        Just("Dr."),
        Just("橋本病"),
        Just("4/18"),
        Just("令和"),
        Just("6年"),
        Just("3月"),
        Just("5日"),
        Just("〒999-1234"),
        Just("東京都港区"),
        Just("3丁目"),
        Just("クリニック"),
        Just("090-"),
        Just("0123-"),
        Just("4567"),
        Just("a@b.c"),
        Just("ID:"),
        Just("９８歳"),
        Just("\n"),
        Just("　"),
        Just("（"),
        Just("、"),
        Just("ｲｽﾞﾐ"),
        Just("👩‍⚕️"),
        Just("\u{0}"),
        Just("’"),
        Just("24."),
        Just("12."),
        Just("最高齢"),
        Just("+81 "),
        Just("の"),
    ];
    let pieces = proptest::collection::vec(
        prop_oneof![9 => piece.prop_map(str::to_owned), 1 => any::<String>()],
        0..40,
    );
    pieces.prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn spans_are_sorted_disjoint_and_inside_of_any_text(text in pieces(), seed in any::<u64>()) {
        let known = Known { names: vec!["森田 桜子".to_owned()], ..Known::default() };
        let findings = deidentifier().find(&text, &known);
        let length = text.chars().count();
        let mut last = 0;
        for span in &findings.spans {
            prop_assert!(last <= span.start && span.start < span.end && span.end <= length);
            last = span.end;
        }
        prop_assert!(findings.review.iter().all(|doubt| doubt.start < doubt.end && doubt.end <= length));
        for dates in [DateStyle::Shift, DateStyle::SickDay] {
            let (_, replaced) = rewriter().rewrite(&text, &findings, Style::Surrogates, dates, seed);
            for one in replaced {
                let original: String = text.chars().skip(one.found.start).take(one.found.end - one.found.start).collect();
                prop_assert_ne!(&one.text, &original);
                prop_assert!(!one.text.is_empty());
            }
        }
        prop_assert_eq!(deidentifier().find(&text, &known), findings);
    }
}
