//! The rules: what a study may do at all, and what a person allows it. No SQL, no clock.

use crate::consent::ages;
use crate::consent::answer::{Answer, Item, Respondent};
use crate::consent::basis::{Basis, BasisRefusal, Silence};
use crate::consent::duo::{self, DuoRefusal};
use crate::consent::kinds::DataKind;
use crate::consent::state::{Held, PersonState};
use crate::consent::study::{Purpose, Study, StudyText, TextHash};
use jiff::ToSpan as _;
use jiff::civil::Date;
use thiserror::Error;

/// Why a use is refused. Its [`key`](Reason::key) is the key of its text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// There is no such study.
    #[error("study `{0}` is not known; save it first")]
    StudyUnknown(String),
    /// The study is for real patients and this is a dummy, or the other way round.
    #[error("the study is for the other population; real patients and dummies never meet")]
    OtherPopulation,
    /// Nothing is provided without an approval.
    #[error("the study has no approval of an ethics committee; enter it")]
    NoApproval,
    /// The approval is over.
    #[error("the approval of the ethics committee ended on {0}; enter the new one")]
    ApprovalEnded(Date),
    /// The study is over.
    #[error("the study ended on {0}")]
    StudyEnded(Date),
    /// The study is for another purpose.
    #[error("the study is for another purpose")]
    OtherPurpose,
    /// The study does not ask for this kind of data.
    #[error("the study does not ask for `{0}`")]
    OtherKind(DataKind),
    /// The study does not name this recipient.
    #[error("the study does not name the recipient `{0}`")]
    OtherRecipient(String),
    /// The legal basis does not allow it.
    #[error(transparent)]
    Basis(#[from] BasisRefusal),
    /// What the text allows does not cover the study.
    #[error(transparent)]
    Duo(#[from] DuoRefusal),
    /// The study, or its text, was saved anew after a set was made.
    #[error("the study was changed meanwhile; make a new set of persons")]
    StudyChanged,
    /// Somebody in a set has come of an age at which to be asked again.
    #[error("somebody in the set has come of an age on {0}; make a new set of persons")]
    OfAge(Date),
    /// The person has said nothing about it.
    #[error("not answered: {0:?}")]
    NotAnswered(Item),
    /// The person said no.
    #[error("refused: {0:?}")]
    Refused(Item),
    /// The person wants to be asked for each use.
    #[error("the person wants to be asked each time: {0:?}")]
    AskEachTime(Item),
    /// The person withdrew.
    #[error("the person has withdrawn")]
    Withdrawn,
    /// The text was changed after the answer.
    #[error("the text was changed after the answer; ask again")]
    TextChanged,
    /// The person has come of an age at which to be asked again.
    #[error("the person is {0} now and has to be asked again")]
    AskAgainAtAge(i16),
    /// The person was too young to answer alone.
    #[error("the person was younger than {0}; a guardian has to answer as well")]
    TooYoung(i16),
    /// A guardian answered, and nobody knows whether the person is still a child.
    #[error("a guardian answered and the date of birth is not known; enter it")]
    AgeUnknown,
    /// The person was not told of the opt-out.
    #[error("the person was not told of the provision; tell first")]
    NotTold,
    /// The wait after the notice is not over.
    #[error("the wait after the notice lasts until {0}")]
    Waiting(Date),
}

impl Reason {
    /// All keys, in their order.
    pub const KEYS: &'static [&'static str] = &[
        "age-unknown",
        "approval-ended",
        "ask-again-at-age",
        "ask-each-time",
        "basis",
        "duo",
        "no-approval",
        "not-answered",
        "not-told",
        "of-age",
        "other-kind",
        "other-population",
        "other-purpose",
        "other-recipient",
        "refused",
        "study-changed",
        "study-ended",
        "study-unknown",
        "text-changed",
        "too-young",
        "waiting",
        "withdrawn",
    ];

    /// The name under which its text stands in `data/ui` (`refusal.<key>`), and by which refusals are counted.
    pub fn key(&self) -> &'static str {
        match self {
            Self::StudyUnknown(_) => "study-unknown",
            Self::OtherPopulation => "other-population",
            Self::NoApproval => "no-approval",
            Self::ApprovalEnded(_) => "approval-ended",
            Self::StudyEnded(_) => "study-ended",
            Self::OtherPurpose => "other-purpose",
            Self::OtherKind(_) => "other-kind",
            Self::OtherRecipient(_) => "other-recipient",
            Self::Basis(_) => "basis",
            Self::Duo(_) => "duo",
            Self::StudyChanged => "study-changed",
            Self::OfAge(_) => "of-age",
            Self::NotAnswered(_) => "not-answered",
            Self::Refused(_) => "refused",
            Self::AskEachTime(_) => "ask-each-time",
            Self::Withdrawn => "withdrawn",
            Self::TextChanged => "text-changed",
            Self::AskAgainAtAge(_) => "ask-again-at-age",
            Self::TooYoung(_) => "too-young",
            Self::AgeUnknown => "age-unknown",
            Self::NotTold => "not-told",
            Self::Waiting(_) => "waiting",
        }
    }
}

/// A use of a study, on a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'u> {
    pub(crate) study: &'u Study,
    pub(crate) text: &'u StudyText,
    pub(crate) hash: &'u TextHash,
    pub(crate) purpose: Purpose,
    pub(crate) recipient: &'u str,
    /// Id of the use, where it was asked for by itself.
    pub(crate) once: Option<&'u str>,
    pub(crate) today: Date,
}

/// A person: the records that are read as one, and the date of birth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'p> {
    pub(crate) records: &'p [PersonState],
    pub(crate) birth: Option<Date>,
}

/// What the study may do at all, whoever the person is.
pub(crate) fn study_allows(asked: &Use<'_>) -> Result<(), Reason> {
    let study = asked.study;
    if let Some(ends) = study.ends_at
        && ends < asked.today
    {
        return Err(Reason::StudyEnded(ends));
    }
    if asked.purpose != study.purpose {
        return Err(Reason::OtherPurpose);
    }
    if study.purpose.needs_approval() {
        match &study.approval {
            None => return Err(Reason::NoApproval),
            Some(approval) if approval.until < asked.today => {
                return Err(Reason::ApprovalEnded(approval.until));
            }
            Some(_) => {}
        }
    }
    let recipient = study
        .recipient(asked.recipient)
        .ok_or_else(|| Reason::OtherRecipient(asked.recipient.to_owned()))?;
    study.basis.reaches(study.provider, recipient)?;
    duo::matches(&asked.text.duo, study, recipient)?;
    Ok(())
}

/// What a person allows the study, of one kind of data; the study itself was asked before.
pub(crate) fn person_allows(asked: &Use<'_>, kind: &DataKind, person: Person<'_>) -> Result<(), Reason> {
    if !asked.study.kinds.contains(kind) {
        return Err(Reason::OtherKind(kind.clone()));
    }
    let silence = asked.study.basis.silence();
    let items = [
        Item::Kind(kind.clone()),
        Item::Purpose(asked.purpose),
        Item::Recipient(asked.recipient.to_owned()),
    ];
    for item in items {
        item_allows(asked, item, person, silence)?;
    }
    if let Some(id) = asked.once {
        let item = Item::Use(id.to_owned());
        let of = |state: &PersonState| state.answers.get(&item).map(|held| held.answer);
        if person.records.iter().any(|state| of(state) == Some(Answer::No)) {
            return Err(Reason::Refused(item));
        }
    }
    match silence {
        Silence::AllowsAfterNotice { days } => is_told(asked, person, days),
        Silence::Refuses | Silence::Allows => Ok(()),
    }
}

fn item_allows(asked: &Use<'_>, item: Item, person: Person<'_>, silence: Silence) -> Result<(), Reason> {
    for state in person.records {
        match (state.answers.get(&item).map(|held| held.answer), &state.withdrawn) {
            (Some(Answer::No), _) => return Err(Reason::Refused(item)),
            (None, Some(_)) => return Err(Reason::Withdrawn),
            _ => {}
        }
    }
    let held = |wanted: Answer| {
        let all = person.records.iter().filter_map(|state| state.answers.get(&item));
        all.filter(move |held| held.answer == wanted)
    };
    if let Some(last) = held(Answer::AskEachTime).map(|held| held.seq).max() {
        return if use_allowed(asked, person, last) {
            Ok(())
        } else {
            Err(Reason::AskEachTime(item))
        };
    }
    let mut why_not = None;
    for yes in held(Answer::Yes) {
        match still_counts(asked, yes, person.birth) {
            Ok(()) => return Ok(()),
            Err(reason) => why_not = Some(reason),
        }
    }
    match silence {
        Silence::Refuses => Err(why_not.unwrap_or(Reason::NotAnswered(item))),
        Silence::Allows | Silence::AllowsAfterNotice { .. } => Ok(()),
    }
}

/// Whether this one use was allowed after the person had asked to be asked.
fn use_allowed(asked: &Use<'_>, person: Person<'_>, after: u64) -> bool {
    let Some(id) = asked.once else { return false };
    let item = Item::Use(id.to_owned());
    let mut given = person.records.iter().filter_map(|state| state.answers.get(&item));
    given.any(|held| {
        held.answer == Answer::Yes && held.seq > after && still_counts(asked, held, person.birth).is_ok()
    })
}

/// Whether a yes still counts: the same text, and nobody has come of age since.
fn still_counts(asked: &Use<'_>, yes: &Held, birth: Option<Date>) -> Result<(), Reason> {
    if yes.text != *asked.hash {
        return Err(Reason::TextChanged);
    }
    let by_guardian = matches!(yes.respondent, Respondent::Guardian(_));
    let Some(birth) = birth else {
        return if by_guardian {
            Err(Reason::AgeUnknown)
        } else {
            Ok(())
        };
    };
    let answered = yes.at.civil().date();
    let own_from = ages::own_from();
    if !by_guardian && ages::age_on(birth, answered) < own_from {
        return Err(Reason::TooYoung(own_from));
    }
    match ages::passed(birth, answered, asked.today, by_guardian) {
        Some(years) => Err(Reason::AskAgainAtAge(years)),
        None => Ok(()),
    }
}

/// Whether the person was told on or after the day of the notice, and the wait is over.
fn is_told(asked: &Use<'_>, person: Person<'_>, days: i32) -> Result<(), Reason> {
    let notice = match &asked.study.basis {
        Basis::OptOut { notice_at, .. } => *notice_at,
        _ => Date::MIN,
    };
    let told = person.records.iter().flat_map(|state| &state.told).copied();
    let first = told.filter(|day| *day >= notice).min();
    let first = first.ok_or(Reason::NotTold)?;
    let until = first.saturating_add(days.days());
    if asked.today < until {
        return Err(Reason::Waiting(until));
    }
    Ok(())
}
