//! Tests of the tables, the rules and the provision tree, without a store.

mod provisions;

use crate::consent::ages::{self, age_on, own_from, passed};
use crate::consent::answer::{Answer, By, Happening, Item, Respondent, Way};
use crate::consent::judge::{Person, Reason, Use, person_allows, study_allows};
use crate::consent::state::{Horizon, PersonState};
use crate::consent::*;
use crate::stamp::{Moment, Population, word};
use jiff::civil::{Date, date};
use tsumugi_clinical::EventKind;

/// SplitMix64: the same numbers on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn word(&mut self, all: &[&'static str]) -> &'static str {
        self.pick::<&'static str>(all)
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

#[test]
fn every_kind_of_fact_is_of_one_kind_of_data_and_wishes_are_of_none() {
    let all = [
        EventKind::Condition,
        EventKind::Finding,
        EventKind::Measurement,
        EventKind::Medication,
        EventKind::Procedure,
        EventKind::Examination,
        EventKind::Allergy,
        EventKind::Lifestyle,
        EventKind::Immunization,
        EventKind::Preference,
    ];
    let table = include_str!("../../../../data/consent/kinds.tsv");
    for origin in ["record", "person"] {
        for kind in all {
            let kind = word(&kind).unwrap();
            let rows = table.lines().filter(|line| !line.starts_with('#'));
            let of = rows.filter(|line| {
                let cells: Vec<&str> = line.split('\t').collect();
                cells[5] == origin && cells[4].split('|').any(|event| event == kind)
            });
            let wanted = usize::from(kind != "preference");
            assert_eq!(of.count(), wanted, "{kind} of {origin}");
        }
    }
    assert_eq!(kinds().len(), 14);
    assert!(kinds().iter().all(|row| !row.ja.is_empty() && !row.en.is_empty()));
}

#[test]
fn no_row_of_the_tables_is_lost_in_reading() {
    let rows = |text: &str| {
        let kept = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        kept.count() - 1
    };
    assert_eq!(
        duo_rows().len(),
        rows(include_str!("../../../../data/consent/duo.tsv"))
    );
    assert_eq!(
        thresholds().len(),
        rows(include_str!("../../../../data/consent/ages.tsv"))
    );
    let years: Vec<i16> = thresholds().iter().map(|age| age.years).collect();
    assert_eq!((years, own_from()), (vec![16, 18], 16));
}

#[test]
fn every_refusal_has_its_text_in_both_languages() {
    for table in [
        include_str!("../../../../data/ui/ja/refusals.tsv"),
        include_str!("../../../../data/ui/en/refusals.tsv"),
    ] {
        let wanted = CodeRefusal::KEYS.iter().map(|key| format!("code-refusal.{key}"));
        let wanted = wanted.chain(Reason::KEYS.iter().map(|key| format!("refusal.{key}")));
        let found: Vec<&str> = table
            .lines()
            .skip(1)
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(wanted.collect::<Vec<String>>(), found);
    }
    // The list of keys is that of `Reason::key`, which names each once.
    let source = include_str!("judge.rs");
    for key in Reason::KEYS {
        assert_eq!(source.matches(&format!("=> \"{key}\",")).count(), 1, "{key}");
    }
    assert_eq!(source.matches("=> \"").count(), Reason::KEYS.len());
}

#[test]
fn ages_pass_on_the_birthday() {
    let birth = date(2010, 2, 28);
    assert_eq!(age_on(birth, date(2026, 2, 27)), 15);
    assert_eq!(age_on(birth, date(2026, 2, 28)), 16);
    assert_eq!(age_on(date(2008, 2, 29), date(2026, 2, 28)), 17);
    assert_eq!(age_on(date(2008, 2, 29), date(2026, 3, 1)), 18);
    let before = date(2025, 6, 1);
    for (day, by_guardian, wanted) in [
        (date(2026, 2, 27), true, None),
        (date(2026, 2, 28), true, Some(16)),
        (date(2026, 2, 28), false, None),
        (date(2028, 2, 28), false, Some(18)),
    ] {
        assert_eq!(passed(birth, before, day, by_guardian), wanted, "{day}");
    }
    let next = ages::next;
    assert_eq!(next(birth, date(2026, 2, 27)), Some(date(2026, 2, 28)));
    assert_eq!(next(birth, date(2026, 2, 28)), Some(date(2028, 2, 28)));
    assert_eq!(next(date(2008, 2, 29), date(2026, 2, 28)), Some(date(2026, 3, 1)));
    assert_eq!(next(date(1950, 1, 1), date(2026, 2, 28)), None);
    // An answer of the guardian's at seventeen holds until eighteen.
    assert_eq!(passed(birth, date(2027, 3, 1), date(2028, 2, 27), true), None);
    assert_eq!(passed(birth, date(2027, 3, 1), date(2028, 2, 28), true), Some(18));
}

fn to(kind: InstitutionKind) -> Recipient {
    Recipient {
        id: "r".to_owned(),
        name: "R".to_owned(),
        kind,
    }
}

#[test]
fn a_basis_allows_what_its_row_says_and_nothing_else() {
    use Form::*;
    use InstitutionKind::*;
    let opt_out = Basis::OptOut {
        notice_at: date(2026, 1, 1),
        maker: "r".to_owned(),
    };
    let forms = [
        CodedFacts,
        ReviewedText,
        AnonymisedTable,
        PseudonymisedTable,
        Personal,
    ];
    let allowed = |basis: &Basis, provider, recipient| -> Vec<Form> {
        let ok = |form: &&Form| basis.allows(provider, &to(recipient), **form).is_ok();
        forms.iter().filter(ok).copied().collect()
    };
    assert_eq!(allowed(&Basis::Consent, Medical, Company).len(), 5);
    assert_eq!(
        allowed(&opt_out, Medical, CertifiedMaker),
        [CodedFacts, ReviewedText, PseudonymisedTable, Personal]
    );
    assert_eq!(allowed(&opt_out, Medical, Company), []);
    assert_eq!(allowed(&Basis::Academic, Medical, Company), []);
    assert_eq!(allowed(&Basis::Academic, Academic, Company).len(), 4);
    assert_eq!(allowed(&Basis::Academic, Medical, Academic).len(), 4);
    // Text that was read by a reviewer never counts as anonymised.
    assert_eq!(allowed(&Basis::Anonymised, Medical, Company), [AnonymisedTable]);
    // Pseudonymised data stay inside.
    for outside in [Academic, Medical, Company, CertifiedMaker] {
        assert_eq!(allowed(&Basis::Pseudonymised, Academic, outside), []);
        assert_eq!(allowed(&Basis::Notified, Academic, outside), []);
    }
    assert_eq!(allowed(&Basis::Pseudonymised, Medical, Own), [PseudonymisedTable]);
    let other = Basis::OptOut {
        notice_at: date(2026, 1, 1),
        maker: "other".to_owned(),
    };
    assert!(matches!(
        other.allows(Medical, &to(CertifiedMaker), Personal),
        Err(BasisRefusal::OtherMaker { .. })
    ));
}

pub(crate) fn study() -> Study {
    Study {
        id: "registry".to_owned(),
        population: Population::Real,
        title: "A registry".to_owned(),
        institution: "University".to_owned(),
        kind_of_institution: InstitutionKind::Academic,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("diagnoses"), DataKind::new("results")],
        recipients: vec![
            Recipient {
                id: "university".to_owned(),
                name: "University".to_owned(),
                kind: InstitutionKind::Academic,
            },
            Recipient {
                id: "maker".to_owned(),
                name: "Maker".to_owned(),
                kind: InstitutionKind::Company,
            },
        ],
        basis: Basis::Consent,
        approval: Some(Approval {
            committee: "Committee".to_owned(),
            number: "2026-1".to_owned(),
            until: date(2029, 3, 31),
        }),
        ends_at: Some(date(2028, 12, 31)),
    }
}

pub(crate) fn text() -> StudyText {
    StudyText {
        one_line: "One line".to_owned(),
        one_page: "One page".to_owned(),
        full: "In full".to_owned(),
        duo: Vec::new(),
    }
}

fn term(id: &str, of: Option<&str>) -> DuoTerm {
    DuoTerm {
        id: format!("DUO:{id}"),
        of: of.map(str::to_owned),
    }
}

fn check_duo(allowed: &[DuoTerm], change: impl Fn(&mut Study), wanted: bool, why: &str) {
    let mut study = study();
    change(&mut study);
    let found = matches(allowed, &study, &study.recipients[0].clone());
    assert_eq!(found.is_ok(), wanted, "{why}: {found:?}");
}

#[test]
fn duo_covers_what_it_says() {
    let none = |_: &mut Study| {};
    check_duo(&[], none, true, "a text of this study alone");
    check_duo(&[term("0000042", None)], none, true, "general research");
    check_duo(&[term("0000043", None)], none, false, "care alone");
    check_duo(
        &[term("0000012", None)],
        none,
        false,
        "a modifier is no permission",
    );
    check_duo(&[term("0000099", None)], none, false, "no such term");
    let liver = |study: &mut Study| study.disease = Some("C22.0".to_owned());
    check_duo(&[term("0000007", Some("C22"))], liver, true, "its disease");
    check_duo(&[term("0000007", Some("C50"))], liver, false, "another disease");
    check_duo(&[term("0000007", Some("C22"))], none, false, "no disease named");
    check_duo(
        &[term("0000007", Some(""))],
        liver,
        false,
        "a disease without a code",
    );
    let ancestry = |study: &mut Study| study.duo = vec![term("0000033", None)];
    check_duo(&[term("0000006", None)], none, true, "biomedical");
    check_duo(
        &[term("0000006", None)],
        ancestry,
        false,
        "biomedical without ancestry",
    );
    check_duo(&[term("0000011", None)], ancestry, true, "ancestry");
}

#[test]
fn duo_limits_are_kept() {
    let none = |_: &mut Study| {};
    let limit = |id: &str, of: Option<&str>| vec![term("0000042", None), term(id, of)];
    let commercial = |study: &mut Study| study.purpose = Purpose::Commercial;
    check_duo(&limit("0000046", None), none, true, "not commercial");
    check_duo(&limit("0000046", None), commercial, false, "commercial");
    let company = |study: &mut Study| study.recipients[0].kind = InstitutionKind::Company;
    check_duo(&limit("0000045", None), company, false, "for profit");
    check_duo(&limit("0000018", None), company, false, "for profit");
    check_duo(
        &limit("0000045", None),
        commercial,
        true,
        "commercial, not for profit",
    );
    check_duo(&limit("0000021", None), none, true, "approved");
    check_duo(
        &limit("0000021", None),
        |study| study.approval = None,
        false,
        "not approved",
    );
    check_duo(
        &limit("0000028", Some("university")),
        none,
        true,
        "the institution",
    );
    check_duo(
        &limit("0000028", Some("maker")),
        none,
        false,
        "another institution",
    );
    check_duo(&limit("0000027", Some("other")), none, false, "another project");
    check_duo(
        &limit("0000019", None),
        none,
        false,
        "publication is not promised",
    );
    let promised = |study: &mut Study| study.duo = vec![term("0000019", None)];
    check_duo(&limit("0000019", None), promised, true, "publication is promised");
    let methods = |study: &mut Study| study.duo = vec![term("0000031", None)];
    check_duo(&limit("0000015", None), methods, false, "methods");
    check_duo(&limit("0000016", None), none, false, "no genetic study");
}

#[test]
fn a_text_has_one_version_for_its_three_lengths() {
    let one = text().hash();
    assert_eq!(one.as_str().len(), 64);
    assert_eq!(text().hash(), one);
    let shifted = StudyText {
        one_line: "One lineO".to_owned(),
        one_page: "ne page".to_owned(),
        ..text()
    };
    assert_ne!(shifted.hash(), one, "the borders between the three count");
    let other = StudyText {
        full: "In full.".to_owned(),
        ..text()
    };
    assert_ne!(other.hash(), one);
}

#[test]
fn what_contradicts_itself_is_no_study() {
    fn check(change: impl Fn(&mut Study), message: &str) {
        let mut study = study();
        change(&mut study);
        let error = study.check().unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
    assert_eq!(study().check(), Ok(()));
    check(|study| study.id = "A b".to_owned(), "id `A b`");
    check(|study| study.title = " ".to_owned(), "title");
    check(|study| study.kinds.clear(), "at least one kind");
    check(|study| study.kinds.push(DataKind::new("dreams")), "`dreams`");
    check(|study| study.kinds.push(DataKind::new("results")), "twice");
    check(|study| study.provider = InstitutionKind::Company, "provider");
    let empty = StudyText {
        one_page: " ".to_owned(),
        ..text()
    };
    assert!(
        empty
            .check()
            .unwrap_err()
            .to_string()
            .contains("one page is empty")
    );
}

fn moment(day: i8) -> Moment {
    Moment::from(date(2026, 6, day).at(9, 0, 0, 0))
}

fn random_happening(dice: &mut Dice, refusals_only: bool) -> Happening {
    let by = By {
        respondent: if dice.one_in(3) {
            Respondent::Guardian("g".to_owned())
        } else {
            Respondent::Own
        },
        way: Way::Phone,
    };
    if dice.one_in(6) {
        return Happening::Withdrawn { by };
    }
    if !refusals_only && dice.one_in(6) {
        return Happening::Told { by };
    }
    let items = [
        Item::Kind(DataKind::new("diagnoses")),
        Item::Kind(DataKind::new("results")),
        Item::Purpose(Purpose::Research),
        Item::Recipient("university".to_owned()),
        Item::Use("u".to_owned()),
    ];
    let mut answers = Vec::new();
    for item in items {
        let answer = match dice.below(8) {
            0 | 1 => Answer::No,
            2 if !refusals_only => Answer::AskEachTime,
            3..=6 if !refusals_only => Answer::Yes,
            _ => continue,
        };
        answers.push((item, answer));
    }
    let mut old = text();
    if dice.one_in(8) {
        old.full.push('.');
    }
    Happening::Answered {
        text: old.hash(),
        answers,
        by,
    }
}

fn replay(log: &[(Moment, Happening)], at: &Moment) -> PersonState {
    let mut state = PersonState::default();
    for (seq, (moment, happening)) in (1..).zip(log) {
        state.apply(Horizon { at, is_live: true }, seq, moment, happening);
    }
    state
}

#[test]
fn adding_a_refusal_never_allows_more() {
    let mut dice = Dice(7);
    let bases = [
        Basis::Consent,
        Basis::Academic,
        Basis::Notified,
        Basis::OptOut {
            notice_at: date(2026, 1, 1),
            maker: "university".to_owned(),
        },
    ];
    let (mut allowed, mut lost) = (0, 0);
    for _ in 0..20_000 {
        let study = Study {
            basis: dice.pick(&bases).clone(),
            ..study()
        };
        let (text, hash) = (text(), text().hash());
        let birth = *dice.pick(&[None, Some(date(1960, 1, 1)), Some(date(2010, 6, 10))]);
        let size = dice.below(5) + 1;
        let mut log: Vec<(Moment, Happening)> = (0..size)
            .map(|_| {
                let day = i8::try_from(dice.below(28)).unwrap() + 1;
                (moment(day), random_happening(&mut dice, false))
            })
            .collect();
        let asked = Use {
            study: &study,
            text: &text,
            hash: &hash,
            purpose: Purpose::Research,
            recipient: "university",
            once: dice.one_in(2).then_some("u"),
            today: date(2026, 6, 20),
        };
        let verdicts = |records: &[PersonState]| {
            let person = Person { records, birth };
            let of = |kind: &DataKind| person_allows(&asked, kind, person).is_ok();
            study.kinds.iter().map(of).collect::<Vec<bool>>()
        };
        let before = verdicts(&[replay(&log, &moment(20))]);
        // At any place among the times, also in the future; and as another record of the same person.
        let day = i8::try_from(dice.below(28)).unwrap() + 1;
        let refusal = (moment(day), random_happening(&mut dice, true));
        let alone = replay(std::slice::from_ref(&refusal), &moment(20));
        let beside = verdicts(&[replay(&log, &moment(20)), alone]);
        log.push(refusal);
        let after = verdicts(&[replay(&log, &moment(20))]);
        for ((before, after), beside) in before.iter().zip(&after).zip(&beside) {
            assert!(*before || !*after, "{log:?}");
            assert!(*before || !*beside, "{log:?}");
            allowed += u32::from(*before);
            lost += u32::from(*before && !*after);
        }
    }
    // Not because nothing was ever allowed.
    assert!(allowed > 3_000 && lost > 500, "{allowed} allowed, {lost} lost");
}

#[test]
fn what_the_study_may_not_do_nobody_can_allow() {
    fn check(change: impl Fn(&mut Study), day: Date, wanted: Option<&str>) {
        let mut study = study();
        change(&mut study);
        let (text, hash) = (text(), text().hash());
        let asked = Use {
            study: &study,
            text: &text,
            hash: &hash,
            purpose: Purpose::Research,
            recipient: "university",
            once: None,
            today: day,
        };
        let found = study_allows(&asked);
        assert_eq!(found.as_ref().err().map(Reason::key), wanted, "{found:?}");
    }
    let day = date(2026, 6, 1);
    check(|_| {}, day, None);
    check(|study| study.approval = None, day, Some("no-approval"));
    check(|_| {}, date(2028, 12, 31), None);
    check(|_| {}, date(2029, 1, 1), Some("study-ended"));
    check(
        |study| study.ends_at = None,
        date(2029, 4, 1),
        Some("approval-ended"),
    );
    check(
        |study| study.purpose = Purpose::Commercial,
        day,
        Some("other-purpose"),
    );
    check(
        |study| {
            study.recipients.remove(0);
        },
        day,
        Some("other-recipient"),
    );
    check(|study| study.basis = Basis::Pseudonymised, day, Some("basis"));
}
