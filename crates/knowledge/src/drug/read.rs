//! Reads the tables of drug facts; a row that names an unknown concept or word is reported with its place and left out.

use super::{
    Action, AdverseEffect, Aspect, Basis, Contraindication, CrossAllergy, DoseWord, DrugBook, ForbiddenWay,
    Frequency, Impairment, Indication, Interaction, Likelihood, Objection, Organ, OrganDose, Population,
    Reproduction, Role, Rows, Safety, Severity, Situation, UsualDose,
};
use crate::evidence::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Row, Source, Table, parse_names};

/// The folders below `knowledge/`.
const FOLDERS: &[(&str, Folder)] = &[
    ("indications", Folder::Indications),
    ("contraindications", Folder::Contraindications),
    ("interactions", Folder::Interactions),
    ("cross_allergies", Folder::CrossAllergies),
    ("organ_doses", Folder::OrganDoses),
    ("pregnancy", Folder::Pregnancy),
    ("adverse", Folder::Adverse),
    ("doses", Folder::Doses),
    ("coverage", Folder::Coverage),
];

#[derive(Clone, Copy)]
enum Folder {
    Indications,
    Contraindications,
    Interactions,
    CrossAllergies,
    OrganDoses,
    Pregnancy,
    Adverse,
    Doses,
    Coverage,
}

/// What rows are checked against.
struct Known<'a> {
    ids: BTreeSet<&'a str>,
    /// UCUM unit of every form of a unit.
    units: BTreeMap<&'a str, &'a str>,
    /// Words that say that a dose is for a week or longer.
    weekly: Vec<Box<str>>,
}

/// A row of a table with its path.
struct Place<'r, 't, 'a> {
    path: &'a str,
    row: &'r Row<'t, 'a>,
}

pub(super) fn book(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> DrugBook {
    let mut book = DrugBook::default();
    let mut known = Known::new(sources);
    book.ingredients = ingredients(sources);
    for source in sources {
        read_each(*source, "knowledge/prescription/", mistakes, |place| {
            support(&mut book, place, &known)
        });
    }
    let is_weekly = |(_, word): &&(Box<str>, DoseWord)| *word == DoseWord::Weekly;
    known.weekly = book
        .dose_words
        .iter()
        .filter(is_weekly)
        .map(|(form, _)| form.clone())
        .collect();
    for source in sources {
        for (name, folder) in FOLDERS {
            read_each(*source, &format!("knowledge/{name}/"), mistakes, |place| {
                fact(&mut book, *folder, place, &known)
            });
        }
    }
    mirror(&mut book.cross_allergies);
    book
}

fn read_each<'a>(
    source: Source<'a>,
    folder: &str,
    mistakes: &mut Vec<Mistake>,
    mut read: impl FnMut(&Place<'_, '_, 'a>) -> Result<(), String>,
) {
    if !source.path.starts_with(folder) {
        return;
    }
    let table = Table::parse(source, mistakes);
    for row in table.rows() {
        let place = Place {
            path: source.path,
            row: &row,
        };
        if let Err(message) = read(&place) {
            mistakes.push(Mistake::new(source.path, row.line, message));
        }
    }
}

impl<'a> Known<'a> {
    fn new(sources: &[Source<'a>]) -> Self {
        let mut known = Self {
            ids: BTreeSet::new(),
            units: BTreeMap::new(),
            weekly: Vec::new(),
        };
        for source in sources {
            let lines = source.text.split('\n');
            let rows = lines.filter(|line| !line.starts_with('#')).skip(1);
            if source.path.starts_with("terminology/") {
                known.ids.extend(rows.filter_map(|line| line.split('\t').next()));
            } else if source.path == "lexicon/units.tsv" {
                for line in rows {
                    let mut cells = line.split('\t');
                    if let (Some(form), Some(ucum)) = (cells.next(), cells.next()) {
                        known.units.entry(form).or_insert(ucum);
                    }
                }
            }
        }
        known.ids.remove("");
        known
    }

    /// The UCUM unit of a written one.
    fn unit(&self, written: &str) -> Arc<str> {
        self.units.get(written).copied().unwrap_or(written).into()
    }

    /// Whether the first sentence of a note says that the dose is for a week or longer; later ones may tell of others.
    fn is_weekly(&self, note: &str) -> bool {
        const FULL_STOP: char = '\u{3002}';
        let first = note.split(FULL_STOP).next().unwrap_or("");
        self.weekly.iter().any(|word| first.contains(word.as_ref()))
    }
}

impl Place<'_, '_, '_> {
    fn concept(&self, known: &Known<'_>, column: &str) -> Result<Arc<str>, String> {
        let id = self.row.get(column);
        if known.ids.contains(id) {
            return Ok(id.into());
        }
        Err(format!("{column}: no concept has the id \"{id}\""))
    }

    /// A drug or class.
    fn drug(&self, known: &Known<'_>, column: &str) -> Result<Arc<str>, String> {
        let id = self.concept(known, column)?;
        if id.starts_with("drug.") || id.starts_with("class.") {
            return Ok(id);
        }
        Err(format!("{column}: \"{id}\" is no drug and no class of drugs"))
    }

    fn one_of<T: Copy>(&self, column: &str, words: &[(&str, T)]) -> Result<T, String> {
        let cell = self.row.get(column);
        word(words, cell).ok_or_else(|| format!("unknown {column} \"{cell}\""))
    }

    /// A number of 0 or more.
    fn number(&self, column: &str) -> Result<f64, String> {
        let number = self.row.get(column).parse::<f64>().ok();
        number
            .filter(|number| *number >= 0.0 && number.is_finite())
            .ok_or_else(|| format!("{column} is no number of 0 or more"))
    }

    fn basis(&self) -> Result<Basis, String> {
        let status = self.row.get("status");
        Ok(Basis {
            table: self.path.into(),
            line: self.row.line,
            status: Status::parse(status).ok_or_else(|| format!("unknown status \"{status}\""))?,
            source: self.row.get("source").into(),
            note: self.row.get("note").into(),
        })
    }
}

fn word<T: Copy>(words: &[(&str, T)], cell: &str) -> Option<T> {
    words
        .iter()
        .find(|(word, _)| *word == cell)
        .map(|(_, value)| *value)
}

fn add<T>(rows: &mut Rows<T>, id: Arc<str>, row: T) {
    rows.entry(id).or_default().push(row);
}

fn support(book: &mut DrugBook, place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<(), String> {
    let row = place.row;
    match place.path.rsplit('/').next() {
        Some("roles.tsv") => {
            let role = place.one_of("role", Role::WORDS)?;
            book.roles
                .entry(role)
                .or_default()
                .push(place.concept(known, "concept")?);
        }
        Some("allergens.tsv") => {
            let allergen = place.concept(known, "allergen")?;
            add(&mut book.allergens, allergen, place.drug(known, "drug")?);
        }
        Some("ways.tsv") => {
            let way = ForbiddenWay {
                way: place.one_of("way", DoseWord::WORDS)?,
                basis: place.basis()?,
            };
            add(&mut book.ways, place.drug(known, "drug")?, way);
        }
        Some("agents.tsv") => {
            let exam = place.concept(known, "exam")?;
            add(&mut book.agents, exam, place.drug(known, "drug")?);
        }
        Some("wording.tsv") => {
            book.wording.insert(row.get("key").into(), row.get("text").into());
        }
        Some("dose_words.tsv") => {
            let says = place.one_of("says", DoseWord::WORDS)?;
            book.dose_words.push((row.get("form").into(), says));
        }
        _ => return Err("no table of this name is read".to_owned()),
    }
    Ok(())
}

fn fact(
    book: &mut DrugBook,
    folder: Folder,
    place: &Place<'_, '_, '_>,
    known: &Known<'_>,
) -> Result<(), String> {
    if let Folder::CrossAllergies = folder {
        let allergy = place.concept(known, "allergy")?;
        add(&mut book.cross_allergies, allergy, cross_allergy(place, known)?);
        return Ok(());
    }
    let drug = place.drug(known, "drug")?;
    match folder {
        Folder::Indications => {
            let condition = place.concept(known, "condition")?;
            let basis = place.basis()?;
            add(&mut book.indications, drug, Indication { condition, basis });
        }
        Folder::Contraindications => add(&mut book.contraindications, drug, contraindication(place, known)?),
        Folder::Interactions => interaction(&mut book.interactions, drug, place, known)?,
        Folder::OrganDoses => add(&mut book.organ_doses, drug, organ_dose(place, known)?),
        Folder::Pregnancy => add(&mut book.reproduction, drug, reproduction(place)?),
        Folder::Adverse => add(&mut book.adverse_effects, drug, adverse_effect(place, known)?),
        Folder::Doses => add(&mut book.usual_doses, drug, usual_dose(place, known)?),
        Folder::Coverage => {
            let aspects = aspects(place)?;
            book.coverage.entry(drug).or_default().extend(aspects);
        }
        Folder::CrossAllergies => {}
    }
    Ok(())
}

fn contraindication(place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<Contraindication, String> {
    const WORDS: &[(&str, Objection)] = &[
        ("caution", Objection::Caution),
        ("contraindicated", Objection::Contraindicated),
    ];
    let below_age = match place.row.get("below_age") {
        "" => None,
        _ => Some(place.number("below_age")?),
    };
    let condition = match place.row.get("condition") {
        "any" if below_age.is_some() => None,
        _ => Some(place.concept(known, "condition")?),
    };
    Ok(Contraindication {
        condition,
        below_age,
        objection: place.one_of("severity", WORDS)?,
        basis: place.basis()?,
    })
}

/// Adds it at both partners.
fn interaction(
    rows: &mut Rows<Interaction>,
    drug: Arc<str>,
    place: &Place<'_, '_, '_>,
    known: &Known<'_>,
) -> Result<(), String> {
    const WORDS: &[(&str, Severity)] = &[
        ("minor", Severity::Minor),
        ("moderate", Severity::Moderate),
        ("serious", Severity::Serious),
        ("contraindicated", Severity::Contraindicated),
    ];
    let row = Interaction {
        partner: place.concept(known, "partner")?,
        severity: place.one_of("severity", WORDS)?,
        basis: place.basis()?,
    };
    if row.partner != drug {
        let mirrored = Interaction {
            partner: Arc::clone(&drug),
            ..row.clone()
        };
        add(rows, Arc::clone(&row.partner), mirrored);
    }
    add(rows, drug, row);
    Ok(())
}

fn cross_allergy(place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<CrossAllergy, String> {
    const WORDS: &[(&str, Likelihood)] = &[
        ("low", Likelihood::Low),
        ("moderate", Likelihood::Moderate),
        ("high", Likelihood::High),
    ];
    Ok(CrossAllergy {
        drug: place.concept(known, "drug")?,
        likelihood: place.one_of("likelihood", WORDS)?,
        basis: place.basis()?,
    })
}

/// A pair that is written in one direction holds in the other too, unless that one is written as well.
fn mirror(rows: &mut Rows<CrossAllergy>) {
    let written: BTreeSet<(Arc<str>, Arc<str>)> = rows
        .iter()
        .flat_map(|(from, rows)| rows.iter().map(|row| (Arc::clone(from), Arc::clone(&row.drug))))
        .collect();
    let mut mirrored = Vec::new();
    for (from, row) in rows
        .iter()
        .flat_map(|(from, rows)| rows.iter().map(move |row| (from, row)))
    {
        if !written.contains(&(Arc::clone(&row.drug), Arc::clone(from))) {
            let back = CrossAllergy {
                drug: Arc::clone(from),
                ..row.clone()
            };
            mirrored.push((Arc::clone(&row.drug), back));
        }
    }
    for (id, row) in mirrored {
        add(rows, id, row);
    }
}

fn organ_dose(place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<OrganDose, String> {
    const ORGANS: &[(&str, Organ)] = &[("renal", Organ::Renal), ("hepatic", Organ::Hepatic)];
    const ACTIONS: &[(&str, Action)] = &[
        ("none", Action::None),
        ("extend", Action::Extend),
        ("reduce", Action::Reduce),
        ("avoid", Action::Avoid),
        ("contraindicated", Action::Contraindicated),
    ];
    let range = || {
        let (from, to) = (place.number("from")?, place.number("to")?);
        if from < to {
            return Ok((from, to));
        }
        Err("from is not less than to".to_owned())
    };
    let organ = place.one_of("organ", ORGANS)?;
    let measure = place.row.get("measure");
    let impairment = match (organ, measure) {
        (Organ::Renal, "egfr") => range().map(|(from, to)| Impairment::Egfr { from, to })?,
        (Organ::Renal, "ccr") => range().map(|(from, to)| Impairment::Clearance { from, to })?,
        (Organ::Renal, "hemodialysis") => Impairment::Hemodialysis,
        (Organ::Hepatic, "child-pugh") => child_pugh(place)?,
        (_, measure) => return Err(format!("unknown measure \"{measure}\" for this organ")),
    };
    let unit = place.row.get("unit");
    let max_day = match (place.row.get("max_day"), unit) {
        ("", "") => None,
        (_, "") => return Err("max_day without a unit".to_owned()),
        _ => Some((place.number("max_day")?, known.unit(unit))),
    };
    Ok(OrganDose {
        organ,
        impairment,
        max_day,
        action: place.one_of("action", ACTIONS)?,
        basis: place.basis()?,
    })
}

fn child_pugh(place: &Place<'_, '_, '_>) -> Result<Impairment, String> {
    const CLASSES: &[(&str, char)] = &[("A", 'A'), ("B", 'B'), ("C", 'C')];
    let (from, to) = (place.one_of("from", CLASSES)?, place.one_of("to", CLASSES)?);
    if from <= to {
        return Ok(Impairment::ChildPugh { from, to });
    }
    Err("from is more severe than to".to_owned())
}

fn reproduction(place: &Place<'_, '_, '_>) -> Result<Reproduction, String> {
    const SITUATIONS: &[(&str, Situation)] = &[
        ("pregnancy", Situation::Pregnancy),
        ("lactation", Situation::Lactation),
    ];
    const LEVELS: &[(&str, Safety)] = &[
        ("compatible", Safety::Compatible),
        ("caution", Safety::Caution),
        ("avoid", Safety::Avoid),
        ("contraindicated", Safety::Contraindicated),
    ];
    Ok(Reproduction {
        situation: place.one_of("situation", SITUATIONS)?,
        safety: place.one_of("level", LEVELS)?,
        basis: place.basis()?,
    })
}

fn adverse_effect(place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<AdverseEffect, String> {
    const FREQUENCIES: &[(&str, Frequency)] = &[
        ("unknown", Frequency::Unknown),
        ("very-rare", Frequency::VeryRare),
        ("rare", Frequency::Rare),
        ("uncommon", Frequency::Uncommon),
        ("common", Frequency::Common),
        ("very-common", Frequency::VeryCommon),
    ];
    Ok(AdverseEffect {
        effect: place.concept(known, "effect")?,
        frequency: place.one_of("frequency", FREQUENCIES)?,
        is_serious: place.one_of("gravity", &[("plain", false), ("serious", true)])?,
        basis: place.basis()?,
    })
}

fn usual_dose(place: &Place<'_, '_, '_>, known: &Known<'_>) -> Result<UsualDose, String> {
    const POPULATIONS: &[(&str, Population)] = &[("adult", Population::Adult), ("child", Population::Child)];
    let unit = place.row.get("unit");
    let basis = place.basis()?;
    let max_single = match place.row.get("max_single") {
        "" => None,
        _ => Some(place.number("max_single")?),
    };
    let dose = UsualDose {
        route: place.row.get("route").into(),
        population: place.one_of("population", POPULATIONS)?,
        unit: known.unit(unit),
        unit_name: unit.into(),
        usual_low: place.number("usual_low")?,
        usual_high: place.number("usual_high")?,
        max_day: place.number("max_day")?,
        max_single,
        per_kilogram: place.one_of("per", &[("", false), ("kg", true)])?,
        is_weekly: known.is_weekly(&basis.note),
        basis,
    };
    if dose.route.is_empty() || dose.unit.is_empty() {
        return Err("route and unit must be given".to_owned());
    }
    if dose.usual_low <= dose.usual_high && dose.usual_high <= dose.max_day && dose.max_day > 0.0 {
        return Ok(dose);
    }
    Err("usual_low <= usual_high <= max_day wanted, and a max_day above 0".to_owned())
}

fn aspects(place: &Place<'_, '_, '_>) -> Result<Vec<Aspect>, String> {
    const ASPECTS: &[(&str, Aspect)] = &[
        ("indication", Aspect::Indication),
        ("contraindication", Aspect::Contraindication),
        ("interaction", Aspect::Interaction),
        ("renal", Aspect::Renal),
        ("hepatic", Aspect::Hepatic),
        ("pregnancy", Aspect::Pregnancy),
        ("lactation", Aspect::Lactation),
        ("adverse", Aspect::Adverse),
        ("dose", Aspect::Dose),
    ];
    place
        .row
        .list("kinds")
        .map(|kind| word(ASPECTS, kind).ok_or_else(|| format!("unknown kind \"{kind}\"")))
        .collect()
}

/// The ingredients of fixed combinations, whose names join the names of their ingredients by `/`.
fn ingredients(sources: &[Source<'_>]) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let tables: Vec<Table<'_>> = sources
        .iter()
        .filter(|source| source.path.starts_with("terminology/drugs/"))
        .map(|source| Table::parse(*source, &mut Vec::new()))
        .collect();
    let drugs = || {
        let rows = tables.iter().flat_map(Table::rows);
        rows.filter(|row| row.get("id").starts_with("drug."))
    };
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for row in drugs() {
        let id = row.get("id");
        by_name.insert(row.get("name"), id);
        for name in parse_names(row.get("synonyms")) {
            by_name.entry(name.surface).or_insert(id);
        }
    }
    let mut found = BTreeMap::new();
    for row in drugs().filter(|row| row.get("name").contains('/')) {
        let names = row.get("name").split('/');
        let ids: Vec<Arc<str>> = names
            .filter_map(|name| by_name.get(name).map(|id| Arc::from(*id)))
            .collect();
        if !ids.is_empty() {
            found.insert(Arc::from(row.get("id")), ids);
        }
    }
    found
}
