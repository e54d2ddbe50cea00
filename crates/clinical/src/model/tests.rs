//! The shipped model, and what a wrong one is told.

use super::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
}

fn files_below(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|own| own == ending) {
            files.push((
                path.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    files.sort();
    files
}

fn shipped() -> (Model, Vec<String>) {
    let files = files_below(&data().join("model"), "toml");
    Model::parse(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

#[test]
fn the_shipped_model_has_no_mistakes_and_names_only_concepts_that_exist() {
    let (model, mistakes) = shipped();
    assert_eq!(mistakes, Vec::<String>::new());
    let tables = files_below(&data().join("terminology"), "tsv");
    let ids: BTreeSet<&str> = tables
        .iter()
        .flat_map(|(_, text)| text.lines().skip(1))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(
        model.check_concepts(|concept| ids.contains(concept)),
        Vec::<String>::new()
    );
    assert_eq!(model.groups().len(), 17);
    assert_eq!(&*model.groups()[0].id, "common");
}

#[test]
fn a_concept_answers_its_own_item_else_that_of_the_nearest_broader_concept() {
    let (model, _) = shipped();
    // The broader concepts, nearest first, as the vocabulary would give them.
    let check = |concept: &str, broader: &[&str], item: Option<&str>| {
        let broader: Vec<ConceptId> = broader.iter().map(|id| ConceptId::new(*id)).collect();
        let found = model.item_for(&ConceptId::new(concept), |_| broader.clone());
        assert_eq!(found.map(|item| &*item.id), item, "{concept}");
    };
    check("life.smoking", &[], Some("smoking"));
    check("test.systolic-bp", &[], Some("blood-pressure"));
    check("type-1-diabetes", &["diabetes-mellitus"], Some("diabetes-type"));
    check(
        "hfref",
        &["chronic-heart-failure", "heart-failure", "heart-disease"],
        Some("heart-failure-type"),
    );
    check(
        "drug.insulin-glargine",
        &["class.insulin-preparation", "class.antidiabetic"],
        Some("insulin"),
    );
    check("allergen.shrimp", &[], None);
    check("no-such-concept", &[], None);
}

#[test]
fn groups_follow_the_disease_and_children_are_no_group_for_everybody() {
    let (model, _) = shipped();
    let broader = |_: &ConceptId| vec![ConceptId::new("diabetes-mellitus")];
    let groups = model.groups_for(&ConceptId::new("type-2-diabetes"), broader);
    let ids: Vec<&str> = groups.iter().map(|group| &*group.id).collect();
    assert_eq!(ids, ["common", "diabetes"]);
    let items: Vec<&str> = model.items_of(groups[1]).map(|item| &*item.id).collect();
    assert!(items.contains(&"hba1c") && items.contains(&"smoking") && items.contains(&"egfr"));
}

const HEAD: &str =
    "id = 'g'\nname = 'G'\nkana = ''\nen = 'G'\nwritten_by = 'w'\nreviewed_by = []\nsource = 's'\n";
const ITEM: &str = "[[item]]\nid = 'a'\nname = 'A'\nen = 'A'\ntype = 'concept'\nconcepts = ['x']\n\
                    cardinality = '0..1'\nwhy = ['care']\nfhir = { resource = 'Condition', path = 'Condition.code' }\n";

#[test]
fn a_mistake_names_file_and_key() {
    let check = |text: String, wanted: &str| {
        let (_, mistakes) = Model::parse([("model/g.toml", text.as_str())]);
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.starts_with("model/g.toml") && mistake.contains(wanted)),
            "{wanted}: {mistakes:?}"
        );
    };
    let item = |from: &str, to: &str| format!("{HEAD}{}", ITEM.replace(from, to));
    check(HEAD.replace("kana", "kanji"), "kanji");
    check(item("type = 'concept'", "type = 'quantity'"), "item 1 (a): unit:");
    check(item("type = 'concept'", "type = 'number'"), "number");
    check(item("type = 'concept'", "type = 'coded'"), "values:");
    check(item("concepts = ['x']\n", ""), "concepts:");
    check(item("'Condition.code'", "'Observation.code'"), "fhir.path:");
    check(item("'0..1'", "'2'"), "2");
    check(item("['care']", "[]"), "why:");
    check(item("en = 'A'", "en = 'A'\nkana = 'ABC'"), "kana:");
    check(
        format!("{HEAD}uses = ['b']\n{ITEM}"),
        "uses: no item has the id b",
    );
    check(format!("{HEAD}{ITEM}{ITEM}"), "item 2 (a): id:");
    check(
        format!("{HEAD}{ITEM}{}", ITEM.replace("'a'", "'b'")),
        "concepts: x answers a already",
    );
}

#[test]
fn one_wrong_item_costs_only_itself() {
    let text = format!(
        "{HEAD}{}{ITEM}",
        ITEM.replace("'a'", "'b'").replace("'0..1'", "'many'")
    );
    let (model, mistakes) = Model::parse([("model/g.toml", text.as_str())]);
    assert_eq!(mistakes.len(), 1);
    assert!(model.item("a").is_some() && model.item("b").is_none());
}
