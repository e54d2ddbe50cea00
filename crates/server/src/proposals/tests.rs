use super::*;
use tsumugi_terminology::{embedded_files, sources_of};

fn read(kind: &str, subject: Option<&str>, text: &str) -> Vec<Proposal> {
    let files = embedded_files();
    let rules = ReadingRules::new(&sources_of(&files));
    let advice = Advice::embedded().unwrap();
    let living = advice.living(tsumugi_records::Population::Real);
    let text = text_of(&rules, text).unwrap();
    propose(&advice, &living, &rules, kind, subject, &text)
}

fn fields(proposal: &Proposal) -> Vec<String> {
    let fields = proposal.said.fields.iter();
    let mut list = vec![proposal.said.kind.to_string()];
    list.extend(fields.map(|(name, value)| format!("{name}={value}")));
    list
}

#[test]
fn an_insert_proposes_what_its_headings_say() {
    let text = "2. 禁忌\n2.1 重症筋無力症の患者\n10.1 併用禁忌\nイトラコナゾール\n11.1 重大な副作用\n横紋筋融解症(頻度不明)\n18. 薬効薬理\n発熱を抑える。\n";
    let proposals = read("insert", Some("drug.telithromycin"), text);
    let all: Vec<Vec<String>> = proposals.iter().map(fields).collect();
    assert_eq!(
        all,
        [
            vec![
                "contraindication",
                "condition=myasthenia-gravis",
                "drug=drug.telithromycin",
                "severity=contraindicated"
            ],
            vec![
                "interaction",
                "drug=drug.telithromycin",
                "partner=drug.itraconazole",
                "severity=contraindicated"
            ],
            vec![
                "adverse-effect",
                "drug=drug.telithromycin",
                "effect=rhabdomyolysis",
                "frequency=unknown",
                "gravity=serious"
            ],
        ]
    );
    let quoted: String = text
        .chars()
        .skip(proposals[0].start as usize)
        .take((proposals[0].end - proposals[0].start) as usize)
        .collect();
    assert!(quoted.contains("重症筋無力症"), "{quoted}");
}

#[test]
fn a_guideline_proposes_its_recommendations_with_their_strength() {
    let text = "急性胆嚢炎に対して早期の腹腔鏡下胆嚢摘出術を行うことを強く推奨する(エビデンスの確実性:中)。\n背景を述べる。\n";
    let proposals = read("guideline", None, text);
    assert_eq!(proposals.len(), 1);
    let said = fields(&proposals[0]);
    assert!(
        said.contains(&"applies=acute-cholecystitis".to_owned()),
        "{said:?}"
    );
    assert!(said.contains(&"strength=strong".to_owned()), "{said:?}");
    assert!(said.contains(&"certainty=moderate".to_owned()), "{said:?}");
    assert_eq!(read("guideline", None, "この章では背景を述べる。"), []);
}

#[test]
fn the_xml_of_an_insert_is_read_by_its_elements() {
    let xml = "<PackIns><GenericName><Lang>ワルファリンカリウム</Lang></GenericName><ContraIndications><Item>出血している患者、妊婦</Item></ContraIndications></PackIns>";
    let proposals = read("insert", None, xml);
    assert!(
        proposals
            .iter()
            .all(|proposal| proposal.said.fields["drug"].as_ref() == "drug.warfarin"),
        "{proposals:?}"
    );
    assert!(!proposals.is_empty());
    let rules = ReadingRules::default();
    assert!(text_of(&rules, "<a><b></a>").is_err());
}

#[test]
fn shares_are_read_from_percent_and_counts_of_patients() {
    let files = embedded_files();
    let rules = ReadingRules::new(&sources_of(&files));
    let of = |text: &str| shares_in(&folded(text), &rules);
    assert_eq!(of("発熱は82.5%に"), ["82.5%"]);
    assert_eq!(of("発熱(30/45例)"), ["30/45"]);
    assert_eq!(of("発熱80%、黄疸40%"), ["80%", "40%"]);
    assert!(of("発熱が多い").is_empty());
    assert!(
        of("3/4日目に胸痛(3/10)").is_empty(),
        "a day and a score are no patients"
    );
}

#[test]
fn every_finding_gets_its_own_share() {
    let proposals = read(
        "abstract",
        None,
        "結果\n急性胆嚢炎では発熱80%、黄疸40%を認めた。\n",
    );
    let all: Vec<String> = proposals.iter().map(|one| fields(one).join(" ")).collect();
    assert_eq!(
        all,
        [
            "finding disease=acute-cholecystitis finding=fever share=80%",
            "finding disease=acute-cholecystitis finding=jaundice share=40%",
        ]
    );
}

#[test]
fn what_is_denied_is_not_stated_and_a_frequency_speaks_of_its_line() {
    let text = "2. 禁忌\n2.1 重症筋無力症の患者\n2.2 肝障害のない患者\n11.1 重大な副作用\n横紋筋融解症(0.1%未満)\n肝機能障害\n";
    let proposals = read("insert", Some("drug.telithromycin"), text);
    let all: Vec<String> = proposals.iter().map(|one| fields(one).join(" ")).collect();
    assert!(all[0].contains("condition=myasthenia-gravis"), "{all:?}");
    assert!(all[1].contains("effect=rhabdomyolysis frequency=rare"), "{all:?}");
    assert!(all[2].contains("frequency=unknown"), "{all:?}");
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn pregnancy_and_lactation_are_read_under_their_own_headings_only() {
    let text = "2. 禁忌\n2.1 妊婦又は妊娠している可能性のある女性\n9.5 妊婦\n投与しないことが望ましい。\n9.6 授乳婦\n治療上の有益性を考慮し、授乳の継続又は中止を検討すること。\n";
    let proposals = read("insert", Some("drug.telithromycin"), text);
    let all: Vec<String> = proposals.iter().map(|one| fields(one).join(" ")).collect();
    assert_eq!(
        all,
        [
            "contraindication condition=pregnancy drug=drug.telithromycin severity=contraindicated",
            "reproduction drug=drug.telithromycin level=avoid situation=pregnancy",
            "reproduction drug=drug.telithromycin level=caution situation=lactation",
        ]
    );
    assert_eq!(proposals[1].said.place.section.as_ref(), "9.5 妊婦");
}

#[test]
fn the_kind_of_a_text_is_guessed() {
    let files = embedded_files();
    let rules = ReadingRules::new(&sources_of(&files));
    let check = |text: &str, wanted: &str| assert_eq!(guess(&rules, text), wanted, "{text}");
    check("2. 禁忌\n重症筋無力症の患者", "insert");
    check("[contraindication]\n出血している患者", "insert");
    check("早期の手術を行うことを強く推奨する。", "guideline");
    check("急性胆嚢炎45例中30例(67%)に発熱を認めた。", "abstract");
}

#[test]
fn what_is_known_and_what_contradicts_is_told() {
    let advice = Advice::embedded().unwrap();
    let living = advice.living(tsumugi_records::Population::Real);
    let check = |kind: &str, fields: &[(&str, &str)], wanted: &str| {
        let list = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let said = accepted(kind, list.collect(), "");
        let found = standing(&advice, &living, &said);
        let word = match &found {
            Standing::New => "new",
            Standing::Known { .. } => "known",
            Standing::Differs { .. } => "differs",
        };
        assert_eq!(word, wanted, "{kind} {fields:?} {found:?}");
    };
    let drug = ("drug", "drug.warfarin");
    check(
        "contraindication",
        &[drug, ("condition", "pregnancy"), ("severity", "contraindicated")],
        "known",
    );
    check(
        "contraindication",
        &[drug, ("condition", "myasthenia-gravis")],
        "new",
    );
    check("indication", &[drug, ("condition", "pregnancy")], "differs");
    check(
        "finding",
        &[
            ("disease", "acute-cholecystitis"),
            ("finding", "murphy-sign"),
            ("share", "1/200"),
        ],
        "differs",
    );
    check(
        "finding",
        &[
            ("disease", "acute-cholecystitis"),
            ("finding", "murphy-sign"),
            ("share", "65%"),
        ],
        "known",
    );
}

#[test]
fn an_insert_is_about_the_drug_before_its_first_heading_and_never_about_a_partner() {
    let text = "ワルファリンカリウム錠\n2. 禁忌\n2.1 重症筋無力症の患者\n10.1 併用禁忌\nイグラチモド\n";
    let of = |text: &str| -> Vec<String> {
        let proposals = read("insert", None, text);
        proposals
            .iter()
            .map(|one| one.said.fields["drug"].to_string())
            .collect()
    };
    assert_eq!(of(text), ["drug.warfarin", "drug.warfarin"]);
    assert_eq!(of(text.split_once('\n').unwrap().1), Vec::<String>::new());
}
