//! One request a hook, as the specification has it, and what the cards must say.

use super::{Site, golden, of_topic, text};
use crate::advice::{Kind, switch};
use crate::hooks::card::{OVERRIDE, REASONS};
use crate::hooks::request::is_uuid;
use crate::hooks::{Service, discovery, prescription};
use crate::web::Language;
use serde_json::{Value, json};
use tsumugi_records::Stamp;

/// What every card must have, whatever it says.
#[track_caller]
fn check_form(cards: &[Value]) {
    let mut ids = Vec::new();
    for card in cards {
        assert!(is_uuid(text(card, "uuid")), "{card}");
        assert!(text(card, "summary").chars().count() < 140, "{card}");
        assert!(
            !text(card, "summary").contains("hooks."),
            "a text is missing: {card}"
        );
        let detail = text(card, "detail");
        assert!(detail.contains("医師の判断を助けるための参考"), "{card}");
        assert!(!detail.contains("hooks."), "a text is missing: {card}");
        assert!(!text(&card["source"], "label").is_empty(), "{card}");
        let is_alert = matches!(text(card, "indicator"), "warning" | "critical");
        let reasons = card["overrideReasons"].as_array().map_or(0, Vec::len);
        assert_eq!(reasons, if is_alert { REASONS.len() } else { 0 }, "{card}");
        assert_eq!(
            card.get("suggestions").is_some(),
            card["selectionBehavior"] == "any",
            "{card}"
        );
        ids.push(text(card, "uuid").to_owned());
        for link in card["links"].as_array().into_iter().flatten() {
            assert_eq!(link["type"], "absolute");
            assert!(
                text(link, "url").starts_with("http://127.0.0.1:8765/knowledge/"),
                "{link}"
            );
        }
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "every card has an id of its own");
}

#[test]
fn the_discovery_names_every_service_with_its_prefetch() {
    let site = Site::new();
    for language in [Language::Japanese, Language::English] {
        let found = discovery(site.call(language));
        let services = found["services"].as_array().unwrap();
        let hooks: Vec<&str> = services.iter().map(|own| text(own, "hook")).collect();
        assert_eq!(
            hooks,
            [
                "patient-view",
                "order-select",
                "order-sign",
                "encounter-discharge"
            ]
        );
        for service in services {
            assert_eq!(text(service, "id"), format!("tsumugi-{}", text(service, "hook")));
            assert!(text(service, "title").contains(if language == Language::English {
                "Tsumugi"
            } else {
                "紡ぎ"
            }));
            assert!(text(service, "description").chars().count() > 20);
            let prefetch = service["prefetch"].as_object().unwrap();
            assert!(
                prefetch
                    .values()
                    .all(|template| { template.as_str().unwrap().contains("{{context.patientId}}") })
            );
            assert_eq!(
                prefetch.keys().collect::<Vec<_>>(),
                [
                    "patient",
                    "conditions",
                    "allergies",
                    "medications",
                    "laboratory",
                    "vitals"
                ]
            );
        }
    }
}

#[test]
fn drugs_are_checked_before_they_are_signed() {
    let site = Site::new();
    let cards = site.cards("tsumugi-order-sign", &golden("order-sign"));
    check_form(&cards);
    let alerts = of_topic(&cards, "prescription");
    let of_drug = |name: &str| -> Vec<&&Value> {
        alerts
            .iter()
            .filter(|card| text(card, "summary").starts_with(name))
            .collect()
    };
    let allergy = of_drug("アモキシシリン")[0];
    assert_eq!(allergy["indicator"], "critical", "{allergy}");
    let detail = text(allergy, "detail");
    for part in [
        "ペニシリン",
        "アナフィラキシー",
        "`AllergyIntolerance/al-1`",
        "記録された重篤度: 高",
    ] {
        assert!(detail.contains(part), "no {part} in {detail}");
    }
    assert_eq!(allergy["overrideReasons"][0]["system"], OVERRIDE);
    assert_eq!(allergy["suggestions"][0]["actions"][0]["type"], "delete");
    assert_eq!(
        allergy["suggestions"][0]["actions"][0]["resourceId"],
        "MedicationRequest/rx-1"
    );
    let bleeding = of_drug("イブプロフェン");
    assert!(
        bleeding.iter().any(|card| {
            matches!(text(card, "indicator"), "critical" | "warning")
                && text(card, "detail").contains("`MedicationRequest/m-1`")
        }),
        "{alerts:?}"
    );
    assert!(alerts.iter().any(|card| text(card, "detail").contains("出典:")));
    for card in &cards {
        let detail = text(card, "detail");
        // Foreign text is shown and is no markup.
        assert!(
            detail.contains("Zzyvanol &lt;b&gt;oral&lt;/b&gt; (MedicationRequest): 用語集にない"),
            "{detail}"
        );
        assert!(
            detail.contains("NutritionOrder/diet-1 (NutritionOrder): この種類の情報は読まない"),
            "{detail}"
        );
    }
    let critical = cards.iter().position(|card| card["indicator"] == "critical");
    assert_eq!(critical, Some(0), "what interrupts comes first");
}

#[test]
fn the_fields_of_a_dosage_reach_the_check_of_doses() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/hooks/doses.json")).unwrap();
    let site = Site::new();
    for case in &cases {
        let mut request = golden("order-sign");
        request["prefetch"]["medications"] = Value::Null;
        request["context"]["draftOrders"]["entry"] = json!([{"resource": {
            "resourceType": "MedicationRequest", "id": "rx", "status": "draft",
            "medicationCodeableConcept": {"text": case["drug"]}, "dosageInstruction": [case["instruction"]],
        }}]);
        let cards = site.cards("tsumugi-order-sign", &request);
        let alerts = of_topic(&cards, "prescription").into_iter().filter(|card| {
            let detail = text(card, "detail");
            detail.starts_with("**用量**") || detail.starts_with("**桁違い**")
        });
        let found: Vec<&Value> = alerts.map(|card| &card["indicator"]).collect();
        assert_eq!(json!(found), case["alerts"], "{}: {cards:?}", case["case"]);
    }
}

#[test]
fn the_same_request_gives_the_same_cards_but_for_their_ids() {
    fn without_ids(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("uuid");
                fields.values_mut().for_each(without_ids);
            }
            Value::Array(entries) => entries.iter_mut().for_each(without_ids),
            _ => {}
        }
    }
    let site = Site::new();
    for service in Service::ALL {
        let mut answers = [0, 1].map(|_| Value::Array(site.cards(&service.id(), &golden(service.hook()))));
        answers.iter_mut().for_each(without_ids);
        assert_eq!(answers[0], answers[1], "{service:?}");
        assert_ne!(answers[0], json!([]), "{service:?}");
    }
}

#[test]
fn only_what_was_chosen_is_answered_for() {
    let site = Site::new();
    let mut request = golden("order-sign");
    request["hook"] = json!("order-select");
    request["context"]["selections"] = json!(["MedicationRequest/rx-2"]);
    let cards = site.cards("tsumugi-order-select", &request);
    check_form(&cards);
    let alerts = of_topic(&cards, "prescription");
    assert!(!alerts.is_empty());
    assert!(
        alerts
            .iter()
            .all(|card| !text(card, "summary").starts_with("アモキシシリン")),
        "{alerts:?}"
    );
}

#[test]
fn tests_tell_what_is_considered_and_which_test_is_missing() {
    let site = Site::new();
    let cards = site.cards("tsumugi-order-select", &golden("order-select"));
    check_form(&cards);
    let considered = of_topic(&cards, "considered");
    assert!(text(considered[0], "summary").contains("急性膵炎"), "{cards:?}");
    assert!(
        text(considered[0], "detail").contains("研究用・未承認"),
        "{cards:?}"
    );
    assert!(
        !text(considered[0], "summary").contains("頭痛"),
        "a drug for pain is no test: {cards:?}"
    );
    let url = text(&considered[0]["links"][0], "url");
    assert!(url.contains("?patient=H001"), "{url}");
    let missing = of_topic(&cards, "missing-test");
    let action = &missing[0]["suggestions"][0]["actions"][0];
    assert_eq!(action["type"], "create");
    let order = &action["resource"];
    assert_eq!(order["resourceType"], "ServiceRequest");
    assert_eq!(order["status"], "draft");
    assert_eq!(order["subject"]["reference"], "Patient/H001");
    assert_eq!(order["encounter"]["reference"], "Encounter/e-1");
    let codes: Vec<&str> = order["code"]["coding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| text(own, "code"))
        .collect();
    let ordered = ["test.lipase", "exam.contrast-ct"];
    assert!(!codes.iter().any(|code| ordered.contains(code)), "{order}");
    assert!(of_topic(&cards, "prescription").is_empty(), "no drug was chosen");
}

#[test]
fn an_opened_record_asks_for_haste_criteria_and_recommendations() {
    let site = Site::new();
    let cards = site.cards("tsumugi-patient-view", &golden("patient-view"));
    check_form(&cards);
    let flags = of_topic(&cards, "red-flags");
    assert_eq!(flags.len(), 1, "{cards:?}");
    assert_eq!(flags[0]["indicator"], "warning");
    assert!(
        text(flags[0], "detail").contains("`Observation/v-2`"),
        "{}",
        flags[0]
    );
    let guidelines = of_topic(&cards, "guideline");
    assert!(!guidelines.is_empty() && guidelines.len() <= 3);
    assert!(
        guidelines
            .iter()
            .any(|card| text(&card["source"], "label").contains("胆")),
        "{guidelines:?}"
    );
    let criteria = of_topic(&cards, "criteria");
    // The finding stands in our note, the values in the prefetch: both count.
    assert!(
        criteria.iter().any(|card| {
            let detail = text(card, "detail");
            detail.contains("/documents/1)") && detail.contains("`Observation/o-1`")
        }),
        "{criteria:?}"
    );
    for card in &cards {
        assert!(
            text(card, "detail").contains("(Condition): 用語集にない"),
            "{card}"
        );
        assert!(text(card, "detail").contains("allergies, medications"), "{card}");
    }
}

#[test]
fn a_discharge_names_what_was_not_done() {
    let site = Site::new();
    let cards = site.cards("tsumugi-encounter-discharge", &golden("encounter-discharge"));
    check_form(&cards);
    let guidelines = of_topic(&cards, "guideline");
    assert!(
        text(guidelines[0], "detail").contains("記録に見当たらない"),
        "{guidelines:?}"
    );
    let against = guidelines
        .iter()
        .position(|card| text(card, "detail").contains("行わないことの推奨"));
    assert!(
        against.is_none_or(|at| at > 0),
        "nothing is left to do of it: {guidelines:?}"
    );
    let undone = of_topic(&cards, "missing-test");
    assert!(text(undone[0], "summary").contains("リパーゼ"), "{undone:?}");
    assert!(!undone[0]["suggestions"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_off_or_not_allowed_is_not_computed() {
    let site = Site::new();
    // Whoever is not in our store counts as real: what needs a decision of the site stays away.
    let mut request = golden("order-select");
    let text_of = request.to_string().replace("H001", "p-real");
    request = serde_json::from_str(&text_of).unwrap();
    request["prefetch"]["patient"] = json!({"resourceType": "Patient", "id": "p-real", "gender": "female"});
    assert_eq!(site.cards("tsumugi-order-select", &request), Vec::<Value>::new());
    site.allow(Kind::Differential);
    let cards = site.cards("tsumugi-order-select", &request);
    assert_eq!(
        (
            of_topic(&cards, "considered").len(),
            of_topic(&cards, "missing-test").len()
        ),
        (1, 0)
    );
    // The user's own switch.
    let stamp = |author: &str| Stamp {
        author: author.to_owned(),
        at: site.now.clone(),
    };
    switch(
        &site.app.store,
        stamp("Practitioner/suzuki"),
        "prescription",
        false,
    )
    .unwrap();
    assert_eq!(
        site.cards("tsumugi-order-sign", &golden("order-sign")),
        Vec::<Value>::new()
    );
    switch(&site.app.store, stamp("Practitioner/suzuki"), "all", false).unwrap();
    assert_eq!(
        site.cards("tsumugi-patient-view", &golden("patient-view")),
        Vec::<Value>::new()
    );
}

#[test]
fn a_record_here_of_somebody_else_is_left_out() {
    let site = Site::new();
    let mut request = golden("patient-view");
    request["prefetch"]["patient"]["birthDate"] = json!("1990-01-01");
    let cards = site.cards("tsumugi-patient-view", &request);
    assert!(!cards.is_empty());
    for card in &cards {
        let detail = text(card, "detail");
        assert!(
            detail.contains("同じ番号の記録は生年月日か性別が異なる"),
            "{detail}"
        );
        assert!(!detail.contains("/documents/"), "{detail}");
    }
    // Nothing is shown of what needs a decision: whoever this is, it is not our dummy patient.
    assert!(of_topic(&cards, "red-flags").is_empty());
}

#[test]
fn what_cannot_be_read_is_told_even_where_there_is_nothing_else_to_say() {
    let site = Site::new();
    let mut request = golden("order-sign");
    let entries = request["context"]["draftOrders"]["entry"].as_array_mut().unwrap();
    entries.retain(|entry| entry["resource"]["id"] == "rx-3");
    let cards = site.cards("tsumugi-order-sign", &request);
    check_form(&cards);
    assert_eq!(cards.len(), 1);
    assert_eq!(cards[0]["source"]["topic"]["code"], "not-covered");
    assert!(text(&cards[0], "detail").contains("Zzyvanol"));
}

#[test]
fn every_composed_text_is_there() {
    let site = Site::new();
    let groups: [(&str, &[&str]); 12] = [
        ("hooks.override", &REASONS),
        ("hooks.missing", &prescription::MISSING),
        (
            "hooks.topic",
            &[
                "considered",
                "criteria",
                "guideline",
                "missing-test",
                "not-covered",
                "prescription",
                "prescription-overview",
                "red-flags",
            ],
        ),
        ("hooks.why", &["kind", "reference", "unit", "unknown", "value"]),
        ("hooks.strength", &["strong", "weak", "none"]),
        (
            "hooks.certainty",
            &["high", "moderate", "low", "very-low", "unknown"],
        ),
        ("hooks.truth", &["true", "false", "unknown"]),
        ("hooks.criticality", &["low", "high", "unable-to-assess"]),
        ("hooks.severity", &["mild", "moderate", "severe"]),
        (
            "hooks.asking",
            &[
                "now", "history", "ever", "family", "taking", "measure", "earlier", "age", "sex",
            ],
        ),
        (
            "status",
            &[
                "cited",
                "citation-unchecked",
                "editorial-estimate",
                "counted",
                "accepted",
            ],
        ),
        ("hooks", &["recommended", "against", "by-findings"]),
    ];
    for language in [Language::Japanese, Language::English] {
        let ui = site.app.texts.of(language);
        for (group, words) in groups {
            for word in words {
                assert!(ui.get(&format!("{group}.{word}")).is_some(), "{group}.{word}");
            }
        }
        for kind in tsumugi_cds::prescription::Kind::ALL {
            assert!(ui.get(&format!("hooks.check.{}", kind.word())).is_some());
        }
        for service in Service::ALL {
            for group in ["title", "description"] {
                assert!(ui.get(&format!("hooks.{group}.{}", service.hook())).is_some());
            }
        }
    }
}
