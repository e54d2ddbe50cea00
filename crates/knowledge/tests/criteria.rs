//! Criteria as data: every embedded set is read without a mistake, and a mistake says where it is and what was expected.

#![expect(clippy::expect_used, reason = "without a vocabulary there is nothing to test")]

use std::collections::BTreeSet;
use tsumugi_knowledge::{CriteriaBook, CriterionKind, Expression, How, Number, Status};
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

fn vocabulary() -> Vocabulary {
    let files = embedded_files();
    Vocabulary::new(&sources_of(&files)).expect("the embedded vocabulary")
}

fn read(vocabulary: &Vocabulary, text: &str) -> (CriteriaBook, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let source = Source {
        path: "knowledge/criteria/case.toml",
        text,
    };
    let book = CriteriaBook::new(&[source], vocabulary, &mut mistakes);
    (book, mistakes)
}

#[test]
fn every_embedded_set_is_read_and_named() {
    let files = embedded_files();
    let mut mistakes = Vec::new();
    let book = CriteriaBook::new(&sources_of(&files), &vocabulary(), &mut mistakes);
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert!(book.criteria.len() >= 30, "{} sets", book.criteria.len());
    let kinds: BTreeSet<CriterionKind> = book.criteria.iter().map(|criterion| criterion.kind).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    for criterion in &book.criteria {
        let id = &criterion.id;
        assert_ne!(criterion.status, Status::Counted, "{id}");
        for text in [
            &criterion.name,
            &criterion.about,
            &criterion.source,
            &criterion.edition,
        ] {
            assert!(!text.is_empty(), "{id} has an empty text");
        }
        let names: BTreeSet<&str> = criterion
            .outcomes
            .iter()
            .map(|outcome| outcome.name.as_ref())
            .collect();
        assert_eq!(
            names.len(),
            criterion.outcomes.len(),
            "{id} has results of one name"
        );
        assert_eq!(book.criterion(id).map(|found| &found.id), Some(id));
    }
}

#[test]
fn every_file_of_the_folder_is_a_set() {
    let files = embedded_files();
    let in_folder = files
        .iter()
        .filter(|file| file.path.starts_with("knowledge/criteria/"));
    let book = CriteriaBook::new(&sources_of(&files), &vocabulary(), &mut Vec::new());
    for file in in_folder {
        let id = file
            .path
            .trim_start_matches("knowledge/criteria/")
            .trim_end_matches(".toml");
        assert!(book.criterion(id).is_some(), "no set {id} for data/{}", file.path);
    }
}

/// A small set with one expression; it begins in column 12 of line 9.
fn with_applies(expression: &str) -> String {
    format!(
        "id = \"case\"\nname = \"n\"\nname_en = \"n\"\nkind = \"risk\"\nabout = \"a\"\nsource = \"s\"\nedition = \"2000\"\n\
         status = \"editorial-estimate\"\napplies = \"{expression}\"\n[[result]]\nname = \"r\"\n"
    )
}

/// An expression, its parts in brackets.
fn written(expression: &Expression) -> String {
    let list = |word: &str, all: &[Expression]| {
        let all: Vec<String> = all.iter().map(written).collect();
        format!("({word} {})", all.join(" "))
    };
    match expression {
        Expression::Not(inner) => format!("(not {})", written(inner)),
        Expression::All(all) => list("and", all),
        Expression::Any(any) => list("or", any),
        Expression::AtLeast(count, all) => list(&format!("at-least-{count}"), all),
        Expression::Else(all) => list("else", all),
        Expression::Holds(asked) => match asked.how {
            How::Now => asked.concept.to_string(),
            how => format!("{how:?}:{}", asked.concept),
        },
        Expression::Level { test, level, state } => format!("{test}={level:?}[{state}]"),
        Expression::Compare(left, comparator, right) => {
            format!("({comparator:?} {} {})", number(left), number(right))
        }
        Expression::Sex(sex) => format!("{sex:?}"),
        Expression::Item(item) => format!("item-{item}"),
        Expression::Points(comparator, points) => format!("(points {comparator:?} {points})"),
    }
}

fn number(value: &Number) -> String {
    match value {
        Number::Literal(value) => value.to_string(),
        Number::Test(of, test) => format!("{of:?}:{test}"),
        Number::Age => "age".to_owned(),
        Number::Formula(index) => format!("formula-{index}"),
        Number::Binary(left, operator, right) => format!("({operator:?} {} {})", number(left), number(right)),
        Number::Call(function, values) => {
            let values: Vec<String> = values.iter().map(number).collect();
            format!("({function:?} {})", values.join(" "))
        }
        Number::If(condition, one, other) => {
            format!("(if {} {} {})", written(condition), number(one), number(other))
        }
    }
}

#[test]
fn expressions_are_read_by_precedence() {
    let vocabulary = vocabulary();
    let check = |text: &str, wanted: &str| {
        let (book, mistakes) = read(&vocabulary, &with_applies(text));
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{text}: {}", told.join("\n"));
        assert_eq!(written(&book.criteria[0].applies), wanted, "{text}");
    };
    check("fever or cough and not rash", "(or fever (and cough (not rash)))");
    check("(fever or cough) and rash", "(and (or fever cough) rash)");
    check(
        "fever and cough else rash or edema",
        "(else (and fever cough) (or rash edema))",
    );
    check("not fever and cough", "(and (not fever) cough)");
    check("true and not false", "(and (and ) (not (or )))");
    check(
        "at-least 2 (fever, cough or rash, edema)",
        "(at-least-2 fever (or cough rash) edema)",
    );
    check("history stroke or ever tia", "(or History:stroke Ever:tia)");
    check(
        "family stroke and taking class.anticoagulant",
        "(and Family:stroke Taking:class.anticoagulant)",
    );
    check("sex = female and age >= 65", "(and Female (AtLeast age 65))");
    check(
        "test.respiratory-rate >= 22",
        "(AtLeast Newest:test.respiratory-rate 22)",
    );
    check("test.crp=high", "test.crp=High[test.crp=high]");
    check("test.crp = 5", "(Equal Newest:test.crp 5)");
    check(
        "test.sodium - 140 * 2 < -1",
        "(Below (Minus Newest:test.sodium (Times 140 2)) (Minus 0 1))",
    );
    check(
        "(test.ast + 1) * 2 > upper test.ast",
        "(Above (Times (Plus Newest:test.ast 1) 2) Upper:test.ast)",
    );
    check(
        "(test.ast > 30) and fever",
        "(and (Above Newest:test.ast 30) fever)",
    );
    check("pow(test.alt, 0.5) <= 3", "(AtMost (Pow Newest:test.alt 0.5) 3)");
    check(
        "first(test.heart-rate, test.pulse-rate) > if(sex = male, 1, 2)",
        "(Above (First Newest:test.heart-rate Newest:test.pulse-rate) (if Male 1 2))",
    );
    check(
        "test.creatinine - lowest test.creatinine >= 0.3",
        "(AtLeast (Minus Newest:test.creatinine Lowest:test.creatinine) 0.3)",
    );
}

/// Expression, column in it, what is said.
const BAD: [(&str, usize, &str); 24] = [
    (
        "fever and",
        10,
        "expected a concept, a comparison, \"not\" or \"(\", found the end",
    ),
    (
        "",
        1,
        "expected a concept, a comparison, \"not\" or \"(\", found the end",
    ),
    (
        "fever and )",
        11,
        "expected a concept, a comparison, \"not\" or \"(\", found \")\"",
    ),
    (
        "fever or or cough",
        10,
        "expected a concept, a comparison, \"not\" or \"(\", found \"or\"",
    ),
    (
        "feever",
        1,
        "expected a concept of the vocabulary, found \"feever\"",
    ),
    (
        "fever cough",
        7,
        "expected \"and\", \"or\", \"else\" or the end, found \"cough\"",
    ),
    ("(fever or cough", 16, "expected \")\", found the end"),
    (
        "fever & cough",
        7,
        "expected a word, a number or a sign, found \"&\"",
    ),
    (
        "test.nothing > 3",
        1,
        "expected a test of the vocabulary, found \"test.nothing\"",
    ),
    (
        "test.crp",
        9,
        "expected \">=\", \">\", \"<=\", \"<\" or \"=\", found the end",
    ),
    (
        "test.crp=hihg",
        10,
        "expected a number, a test, \"age\" or a function, found \"hihg\"",
    ),
    (
        "history test.crp",
        9,
        "expected a concept of the vocabulary, found \"test.crp\"",
    ),
    (
        "taking fever",
        8,
        "expected a drug or a class of drugs, found \"fever\"",
    ),
    (
        "drug.aspirin",
        1,
        "expected a concept of the vocabulary, found \"drug.aspirin\"",
    ),
    (
        "at-least two (fever)",
        10,
        "expected a whole number from 1, found \"two\"",
    ),
    (
        "at-least 1.5 (fever)",
        10,
        "expected a whole number from 1, found \"1.5\"",
    ),
    (
        "at-least 2 (fever)",
        18,
        "expected at least 2 expressions, found \")\"",
    ),
    (
        "at-least 1 (fever cough)",
        19,
        "expected \",\" or \")\", found \"cough\"",
    ),
    (
        "sex = other",
        7,
        "expected \"female\" or \"male\", found \"other\"",
    ),
    (
        "item.a",
        1,
        "expected an item that stands before, found \"item.a\"",
    ),
    (
        "points >= 2",
        1,
        "expected a fact or a value (only results know the points), found \"points\"",
    ),
    (
        "score > 1",
        1,
        "expected another value (there is no formula before), found \"score\"",
    ),
    ("pow(age) > 1", 8, "expected 2 values, found \")\""),
    (
        "formula.x > 1",
        1,
        "expected a formula that stands before, found \"formula.x\"",
    ),
];

#[test]
fn a_bad_expression_says_where_and_what_was_expected() {
    let vocabulary = vocabulary();
    let check = |text: &str, column: usize, wanted: &str| {
        let (book, mistakes) = read(&vocabulary, &with_applies(text));
        assert!(book.criteria.is_empty(), "{text} was read");
        let column = column + 11;
        let wanted = format!("data/knowledge/criteria/case.toml:9: column {column}: {wanted}");
        assert_eq!(mistakes.first().map(ToString::to_string), Some(wanted), "{text}");
    };
    for (text, column, wanted) in BAD {
        check(text, column, wanted);
    }
    let deep = format!("{}fever", "not ".repeat(30));
    check(&deep, 101, "expected at most 24 levels, found \"not\"");
}

#[test]
fn a_bad_file_says_where() {
    let vocabulary = vocabulary();
    let head = with_applies("fever");
    let head = head.split("[[result]]").next().expect("a head").to_owned();
    let check = |rest: &str, wanted: &str| {
        let (book, mistakes) = read(&vocabulary, &format!("{head}{rest}"));
        assert!(book.criteria.is_empty(), "{rest} was read");
        let wanted = format!("data/knowledge/criteria/case.toml:{wanted}");
        assert_eq!(mistakes.first().map(ToString::to_string), Some(wanted), "{rest}");
    };
    check(
        "[[item]]\nid = \"a\"\nname = \"n\"\nwhen = \"fever\"\npoints = 1\n[[result]]\nname = \"r\"\nto = 0\n",
        "16: column 8: no result for 1 points, and none that always holds",
    );
    check(
        "[[result]]\nname = \"r\"\n[[result]]\nname = \"s\"\nwhen = \"fever\"\n",
        "11: column 8: only the last result may stand without a condition",
    );
    check(
        "[[item]]\nid = \"a\"\nname = \"n\"\n[[result]]\nname = \"r\"\n",
        "11: column 6: an item has either \"when\" or \"bands\"",
    );
    check(
        "[[item]]\nid = \"a\"\nname = \"n\"\nwhen = \"fever\"\n[[item]]\nid = \"a\"\nname = \"n\"\nwhen = \"cough\"\n\
         [[result]]\nname = \"r\"\n",
        "15: column 6: the item a stands here twice",
    );
    check(
        "[[item]]\nid = \"a\"\nname = \"n\"\nwhen = \"item.b\"\n[[item]]\nid = \"b\"\nname = \"n\"\nwhen = \"cough\"\n\
         [[result]]\nname = \"r\"\n",
        "13: column 9: expected an item that stands before, found \"item.b\"",
    );
    check(
        "[[item]]\nid = \"a\"\nname = \"n\"\nbands = [{ points = 1, name = \"x\" }, { when = \"fever\", points = 2, name = \"y\" }]\n\
         [[result]]\nname = \"r\"\n",
        "11: column 6: only the last band may stand without a condition",
    );
    check(
        "[[result]]\nname = \"r\"\nwehn = \"fever\"\n",
        "12: column 1: unknown field `wehn`, expected one of `name`, `meaning`, `from`, `to`, `when`",
    );
    check(
        "[[result]]\nname = \"r\"\nwhen = \"\"\"\nfever\n and coguh\"\"\"\n",
        "14: column 6: expected a concept of the vocabulary, found \"coguh\"",
    );
    check("result = []\n", "1: column 1: no result");
}
