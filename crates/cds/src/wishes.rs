//! What a patient wishes of care, as it now stands: what notes say, what people entered, and what a physician confirmed.
//!
//! **A wish that was read out of a text is not confirmed** until a physician says so, however often it was written: notes
//! are copied. Of two wishes that cannot both hold the one that was confirmed last stands; what was said after it, and says
//! otherwise, is told beside it and never replaces it by itself.

use jiff::civil::DateTime;
use std::sync::LazyLock;
use tsumugi_tables::{Source, Table};

const TABLE: &str = include_str!("../../../data/care/wishes.tsv");

static WISHES: LazyLock<Vec<WishRow>> = LazyLock::new(rows);

/// A row of `data/care/wishes.tsv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishRow {
    /// The wish, a concept.
    pub concept: String,
    /// Its FHIR R4 consent category.
    pub category: String,
    /// Whether it refuses something, in the words of FHIR (`deny`), or asks for it (`permit`).
    pub refuses: bool,
    /// Whether it is looked for first when the patient collapses.
    pub is_loud: bool,
    /// Wishes that cannot hold together with it.
    pub opposes: Vec<String>,
}

/// A statement about a wish: an entry, or an event of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'a> {
    /// The wish, a concept.
    pub concept: &'a str,
    /// Whether it is wished; else it is said not to be, or no longer.
    pub holds: bool,
    /// When it was stated.
    pub at: DateTime,
    /// Whether a physician entered or confirmed it.
    pub is_confirmed: bool,
}

/// A wish as it now stands. Numbers are places in the statements that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WishNow {
    /// Its row of the table.
    pub row: &'static WishRow,
    /// The statement that counts.
    pub said: usize,
    /// Whether a physician entered or confirmed it.
    pub is_confirmed: bool,
    /// A statement that is not confirmed, came later and says otherwise, of this wish or of one that opposes it.
    pub against: Option<usize>,
}

/// All wishes that the banner knows, in the order of the table.
pub fn wish_rows() -> &'static [WishRow] {
    &WISHES
}

/// The wishes that hold now, those that are looked for first before others.
pub fn wishes_now(said: &[Said<'_>]) -> Vec<WishNow> {
    let mut now: Vec<WishNow> = WISHES.iter().filter_map(|row| stands(row, said)).collect();
    now.sort_by_key(|wish| !wish.row.is_loud);
    now
}

/// How one wish stands; none where it does not hold.
fn stands(row: &'static WishRow, said: &[Said<'_>]) -> Option<WishNow> {
    let own = |one: &Said<'_>| one.concept == row.concept;
    let opposing = |one: &Said<'_>| one.holds && row.opposes.iter().any(|other| other == one.concept);
    let last = |is: &dyn Fn(&Said<'_>) -> bool| {
        let found = said.iter().enumerate().filter(|(_, one)| is(one));
        // Of two at the same time the one that was entered later counts.
        found
            .max_by_key(|(place, one)| (one.at, *place))
            .map(|(place, _)| place)
    };
    let at = |place: usize| said.get(place).map(|one| (one.at, place));
    let confirmed = last(&|one| one.is_confirmed && own(one));
    // A confirmed wish ends those that oppose it.
    let ended = last(&|one| one.is_confirmed && opposing(one));
    let settled = confirmed.into_iter().chain(ended).max_by_key(|place| at(*place));
    let since = |one: &Said<'_>| settled.and_then(at).is_none_or(|(when, _)| one.at > when);
    let later = last(&|one| !one.is_confirmed && own(one) && since(one));
    let against = last(&|one| !one.is_confirmed && since(one) && (opposing(one) || (own(one) && !one.holds)));
    let holds = |place: Option<usize>| place.filter(|place| said.get(*place).is_some_and(|one| one.holds));
    if let Some(place) = holds(confirmed.filter(|_| settled == confirmed)) {
        return Some(WishNow {
            row,
            said: place,
            is_confirmed: true,
            against,
        });
    }
    // What only texts say stands as they last said it.
    let place = holds(later)?;
    Some(WishNow {
        row,
        said: place,
        is_confirmed: false,
        // Else what a physician settled before says otherwise.
        against: against.filter(|other| at(*other) > at(place)).or(settled),
    })
}

fn rows() -> Vec<WishRow> {
    let source = Source {
        path: "care/wishes.tsv",
        text: TABLE,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let rows = table.rows().map(|row| WishRow {
        concept: row.get("concept").to_owned(),
        category: row.get("category").to_owned(),
        refuses: row.get("provision") == "deny",
        is_loud: row.get("loud") == "yes",
        opposes: row.list("opposes").map(str::to_owned).collect(),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Statements: wish, day of November, `+` holds, `-` does not, `!` confirmed.
    fn check(name: &str, said: &[(&str, i8, &str)], wanted: &[&str]) {
        let said: Vec<Said<'_>> = said
            .iter()
            .map(|(concept, day, how)| Said {
                concept,
                holds: how.starts_with('+'),
                at: date(2026, 11, *day).at(9, 0, 0, 0),
                is_confirmed: how.ends_with('!'),
            })
            .collect();
        let shown: Vec<String> = wishes_now(&said)
            .iter()
            .map(|wish| {
                let sure = if wish.is_confirmed { "confirmed" } else { "read" };
                let against = wish
                    .against
                    .map(|place| format!(" but {place}"))
                    .unwrap_or_default();
                format!("{} {sure} {}{against}", wish.row.concept, wish.said)
            })
            .collect();
        assert_eq!(shown, wanted, "{name}");
    }

    #[test]
    fn a_wish_stands_as_it_was_confirmed_last() {
        const DNAR: &str = "wish.dnar";
        const FULL: &str = "wish.full-code";
        check("nothing said", &[], &[]);
        check("read", &[(DNAR, 1, "+")], &["wish.dnar read 0"]);
        check("read and denied later", &[(DNAR, 1, "+"), (DNAR, 2, "-")], &[]);
        check(
            "confirmed",
            &[(DNAR, 1, "+"), (DNAR, 2, "+!")],
            &["wish.dnar confirmed 1"],
        );
        check(
            "a copy of the text changes nothing",
            &[(DNAR, 2, "+!"), (DNAR, 3, "+")],
            &["wish.dnar confirmed 0"],
        );
        check(
            "a later text says otherwise",
            &[(DNAR, 2, "+!"), (DNAR, 3, "-")],
            &["wish.dnar confirmed 0 but 1"],
        );
        check(
            "a later text wishes the opposite: both are told",
            &[(DNAR, 2, "+!"), (FULL, 3, "+")],
            &["wish.dnar confirmed 0 but 1", "wish.full-code read 1 but 0"],
        );
        check(
            "the opposite confirmed ends it",
            &[(DNAR, 2, "+!"), (FULL, 3, "+!")],
            &["wish.full-code confirmed 1"],
        );
        check(
            "an old text does not come back",
            &[(DNAR, 1, "+"), (FULL, 3, "+!")],
            &["wish.full-code confirmed 1"],
        );
        check("withdrawn", &[(DNAR, 1, "+!"), (DNAR, 2, "-!")], &[]);
        check(
            "copied after it was withdrawn",
            &[(DNAR, 1, "+!"), (DNAR, 2, "-!"), (DNAR, 3, "+")],
            &["wish.dnar read 2 but 1"],
        );
        check(
            "two texts that oppose: the later first, the earlier with it",
            &[(DNAR, 1, "+"), (FULL, 3, "+")],
            &["wish.dnar read 0 but 1", "wish.full-code read 1"],
        );
        check(
            "what is looked for first comes first",
            &[
                ("wish.home-death", 1, "+"),
                ("wish.no-tube-feeding", 1, "+"),
                ("wish.no-intubation", 1, "+"),
            ],
            &[
                "wish.no-intubation read 2",
                "wish.home-death read 0",
                "wish.no-tube-feeding read 1",
            ],
        );
    }

    #[test]
    fn wishes_oppose_each_other_both_ways() {
        for row in wish_rows() {
            for other in &row.opposes {
                let back = wish_rows().iter().find(|one| one.concept == *other).unwrap();
                assert!(back.opposes.contains(&row.concept), "{} {other}", row.concept);
            }
        }
    }
}
