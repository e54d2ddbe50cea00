//! What holds of the table and of any text.

use super::super::kind::Kind;
use super::{READER, context, lexicon_files};
use std::collections::BTreeSet;

/// Rows of `time_words.tsv` as form, kind and amount.
fn rows() -> Vec<(String, String, String)> {
    let files = lexicon_files();
    let (_, text) = files
        .iter()
        .find(|(path, _)| path == "lexicon/time_words.tsv")
        .unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned())
        })
        .collect()
}

#[test]
fn every_kind_of_the_table_is_known_and_used() {
    let known: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let rows = rows();
    let used: BTreeSet<&str> = rows.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!(known, used);
}

#[test]
fn no_row_is_written_twice() {
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = rows()
        .into_iter()
        .filter(|(form, kind, _)| !seen.insert((form.clone(), kind.clone())))
        .collect();
    assert_eq!(twice, Vec::new());
}

/// Hostile and broken texts: the reader ends, and no mention overlaps another.
#[test]
fn any_text_gives_mentions_that_do_not_overlap() {
    let texts = [
        "翌日".repeat(400),
        "3日前".repeat(400),
        "1/".repeat(400),
        "11/22~".repeat(300),
        "2026年".repeat(300),
        "9時".repeat(300),
        "1日3回".repeat(300),
        "数年前に".repeat(300),
        "99999999年9999999月99999999日".to_owned(),
        "9999-99-99 0/0 00:00 0歳 0年前 9999年前 9999か月後予定".to_owned(),
        "3日前発熱、2週間前某感染症発症、22日某胃癌、来院3か月前某胃癌".to_owned(),
    ];
    for text in texts {
        let reading = READER.read(&context(), &text);
        let spans: Vec<_> = reading.mentions.iter().map(|mention| mention.span).collect();
        assert!(
            spans.windows(2).all(|pair| pair[0].end <= pair[1].start),
            "{text}: {spans:?}"
        );
    }
}
