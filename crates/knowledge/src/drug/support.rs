//! What the checks need beside the facts of drugs: the parts that concepts play, and the words of dosages.

use std::collections::BTreeSet;

/// The part that a concept plays in the checks (`knowledge/prescription/roles.tsv`). What lies below a concept plays
/// the part too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A reaction after which no later use makes an allergy less grave.
    SevereReaction,
    /// A drug that is given against a reaction: told beside one, it did not cause it.
    Remedy,
    /// A disease whose risk stays when it is over: a drug that it forbids is forbidden for good.
    LastingRisk,
    /// A reaction to food: it says nothing of a drug.
    FoodReaction,
    /// Any reaction: a use that it follows was not without harm.
    Reaction,
    /// The record says that no allergy is known.
    NoKnownAllergy,
    /// The patient is pregnant.
    Pregnant,
    /// What names the pregnancy itself and no complication of it: only its denial denies the pregnancy.
    PregnancyItself,
    /// The pregnancy is over.
    PregnancyOver,
    /// The patient breastfeeds.
    Lactating,
    /// A disease of the liver that counts as Child-Pugh class C where no class is stated.
    SevereLiverDisease,
    /// A disease of the liver whose Child-Pugh class must be known.
    LiverDiseaseToGrade,
    /// A condition by which the liver fails: the same mechanism as a row on hepatic function.
    LiverMechanism,
    /// The patient is on dialysis.
    Dialysis,
    /// A condition by which the kidneys fail: the same mechanism as a row on renal function.
    KidneyMechanism,
    /// The test of the estimated glomerular filtration rate.
    TestEgfr,
    /// The test of serum creatinine.
    TestCreatinine,
    /// The test of creatinine clearance.
    TestCreatinineClearance,
    /// Body weight.
    TestWeight,
    /// The Child-Pugh classification.
    TestChildPugh,
    /// The pregnancy test.
    TestPregnancy,
    /// A class whose members are given together on purpose: two of them are no duplicate.
    UsedTogether,
}

impl Role {
    /// The words of the table.
    pub(crate) const WORDS: &[(&str, Self)] = &[
        ("severe-reaction", Self::SevereReaction),
        ("lasting-risk", Self::LastingRisk),
        ("remedy", Self::Remedy),
        ("food-reaction", Self::FoodReaction),
        ("reaction", Self::Reaction),
        ("no-known-allergy", Self::NoKnownAllergy),
        ("pregnant", Self::Pregnant),
        ("pregnancy-itself", Self::PregnancyItself),
        ("pregnancy-over", Self::PregnancyOver),
        ("lactating", Self::Lactating),
        ("severe-liver-disease", Self::SevereLiverDisease),
        ("liver-disease-to-grade", Self::LiverDiseaseToGrade),
        ("liver-mechanism", Self::LiverMechanism),
        ("dialysis", Self::Dialysis),
        ("kidney-mechanism", Self::KidneyMechanism),
        ("test-egfr", Self::TestEgfr),
        ("test-creatinine", Self::TestCreatinine),
        ("test-creatinine-clearance", Self::TestCreatinineClearance),
        ("test-weight", Self::TestWeight),
        ("test-child-pugh", Self::TestChildPugh),
        ("test-pregnancy", Self::TestPregnancy),
        ("used-together", Self::UsedTogether),
    ];
}

/// What a word of a dosage says (`knowledge/prescription/dose_words.tsv`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoseWord {
    /// The amount is that of one dose.
    Dose,
    /// The amount is that of a day.
    Day,
    /// The amount is that of a day, taken by mouth in parts.
    Divided,
    /// Taken by mouth: at meals.
    Oral,
    /// How often a day; it does not say what the amount is.
    Times,
    /// Taken once a week or less often.
    Weekly,
    /// Taken on some days only.
    Spaced,
    /// Taken every day.
    Daily,
    /// The amount is that of an hour, given all day long.
    Hourly,
    /// Given at once, into a vein.
    Bolus,
    /// As it comes out of the ampoule.
    Undiluted,
    /// Into a vein.
    Intravenous,
    /// Into a muscle.
    Intramuscular,
    /// Under the skin.
    Subcutaneous,
    /// Into the cerebrospinal fluid.
    Intrathecal,
    /// The numbers are no amount of the drug: a rate, a concentration.
    Unread,
    /// A preparation whose weight or volume is not that of the drug.
    Powder,
}

impl DoseWord {
    /// The words of the table.
    pub(crate) const WORDS: &[(&str, Self)] = &[
        ("dose", Self::Dose),
        ("day", Self::Day),
        ("divided", Self::Divided),
        ("oral", Self::Oral),
        ("times", Self::Times),
        ("weekly", Self::Weekly),
        ("spaced", Self::Spaced),
        ("daily", Self::Daily),
        ("hourly", Self::Hourly),
        ("bolus", Self::Bolus),
        ("undiluted", Self::Undiluted),
        ("intravenous", Self::Intravenous),
        ("intramuscular", Self::Intramuscular),
        ("subcutaneous", Self::Subcutaneous),
        ("intrathecal", Self::Intrathecal),
        ("unread", Self::Unread),
        ("powder", Self::Powder),
    ];
}

/// The words that stand in a text; at each place the longest counts, so that "once a day" hides "once".
pub(super) fn dose_words(words: &[(Box<str>, DoseWord)], text: &str) -> BTreeSet<DoseWord> {
    let mut said = BTreeSet::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let longest = words
            .iter()
            .filter(|(form, _)| rest.starts_with(form.as_ref()))
            .max_by_key(|(form, _)| form.len());
        let width = longest.map_or(first.len_utf8(), |(form, _)| form.len());
        said.extend(longest.map(|(_, word)| *word));
        rest = rest.get(width..).unwrap_or("");
    }
    said
}
