//! The pages of what people state beside notes, over a real socket.

#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::chart::{self, Signing};
use crate::smart::tests::{CODER, House, served};
use jiff::civil::date;
use tsumugi_records::{AuditFilter, AuditSubtype, CareTopic, PatientId};

/// Signs a note of the patient of internal medicine, at an hour of 28 November 2026.
fn sign(house: &House, text: &str, hour: i8) -> i64 {
    sign_on(house, text, (28, hour))
}

/// The same on a day of November 2026.
fn sign_on(house: &House, text: &str, (day, hour): (i8, i8)) -> i64 {
    let patient = PatientId::new(house.internal);
    let at = date(2026, 11, day).at(hour, 0, 0, 0);
    let signing = Signing {
        target: chart::new_note(patient, None, "progress"),
        author: "sato".to_owned(),
        text: text.to_owned(),
        written_at: at,
        signed_at: at,
        key: None,
        draft: None,
        structured: None,
        on_behalf_of: None,
        name: None,
        entry: None,
    };
    let store = &house.app.store;
    let record = store.patient(patient).unwrap();
    chart::sign(&CODER, store, &record, signing)
        .unwrap()
        .document
        .get()
}

fn path(house: &House, rest: &str) -> String {
    format!("/patients/{}{rest}", house.internal)
}

/// The part of a page between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let rest = page.split_once(from).map_or("", |(_, rest)| rest);
    rest.split(to).next().unwrap_or("")
}

fn banner(house: &House, cookie: &str) -> String {
    let page = house.get(&path(house, ""), cookie).body;
    between(&page, "<section class=\"wishes\"", "</section>").to_owned()
}

/// The value of the hidden field `source` of the first button that confirms.
fn to_confirm(banner: &str) -> String {
    between(banner, "name=\"source\" value=\"", "\"").to_owned()
}

#[test]
fn a_wish_of_a_note_waits_for_a_physician() {
    served(|house| {
        let physician = house.cookie("sato");
        assert_eq!(banner(house, &physician), "");
        let document = sign(house, "DNARの方針を本人・家族と確認した。", 11);
        let shown = banner(house, &physician);
        assert!(shown.contains("DNAR") && shown.contains("未確認"), "{shown}");
        assert!(shown.contains(&format!("/documents/{document}?fact=")), "{shown}");
        let bar = house.get(&path(house, ""), &physician).body;
        assert!(bar.contains("DNAR(未確認)"), "the head marks it too");
        // The note screen shows the same.
        let note = house.get("/open?patient=4711", &physician).body;
        assert!(note.contains("<section class=\"wishes\""), "{note}");
        let source = to_confirm(&shown);
        // A nurse sees it and cannot confirm it.
        let nurse = house.cookie("suzuki");
        assert!(banner(house, &nurse).contains("未確認") && to_confirm(&banner(house, &nurse)).is_empty());
        let confirm = [("act", "confirm"), ("source", source.as_str())];
        assert_eq!(house.form(&path(house, "/wishes"), &nurse, &confirm).status, 403);
        let done = house.form(&path(house, "/wishes"), &physician, &confirm);
        assert_eq!(done.status, 303, "{}", done.body);
        let shown = banner(house, &physician);
        assert!(
            shown.contains("医師確認済み") && !shown.contains("未確認"),
            "{shown}"
        );
        // Sent again it is the same confirmation; what is not there cannot be confirmed.
        house.form(&path(house, "/wishes"), &physician, &confirm);
        let gone = [("act", "confirm"), ("source", "event-999")];
        assert_eq!(house.form(&path(house, "/wishes"), &physician, &gone).status, 409);
        let patient = PatientId::new(house.internal);
        assert_eq!(
            house.app.store.care_of(patient, CareTopic::Wish).unwrap().len(),
            1
        );
        // A later note that says otherwise is told, and replaces nothing.
        sign(house, "フルコードを希望。", 12);
        let page = house.get(&path(house, "/wishes"), &physician).body;
        assert_eq!(
            between(&page, "<ol class=\"wish-history\">", "</ol>")
                .matches("<li>")
                .count(),
            3
        );
    });
}

#[test]
fn what_is_entered_has_who_with_whom_and_a_day_of_review() {
    served(|house| {
        let (physician, nurse) = (house.cookie("sato"), house.cookie("suzuki"));
        let address = path(house, "/wishes");
        let tomorrow = crate::web::clock::today().tomorrow().unwrap().to_string();
        let entry = [
            ("act", "enter"),
            ("wish", "wish.no-intubation"),
            ("holds", "yes"),
            ("basis", "presumed"),
            ("discussed", "2026-11-20"),
            ("review", tomorrow.as_str()),
            ("with-family", "1"),
            ("words", "苦しいことはしたくない"),
            ("key", "once"),
        ];
        // A nurse's entry waits for a physician, however often it is sent.
        for _ in 0..2 {
            assert_eq!(house.form(&address, &nurse, &entry).status, 303);
        }
        let shown = banner(house, &physician);
        for words in [
            "気管挿管を希望しない",
            "未確認",
            "家族",
            "推定",
            "苦しいことはしたくない",
            "次に見直す日",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        let confirm = to_confirm(&shown);
        house.form(
            &address,
            &physician,
            &[("act", "confirm"), ("source", confirm.as_str())],
        );
        let shown = banner(house, &physician);
        assert!(
            shown.contains("医師確認済み") && shown.contains("苦しいことはしたくない"),
            "{shown}"
        );
        // The opposite, entered by a physician, ends it; the history keeps all.
        let full = [
            ("act", "enter"),
            ("wish", "wish.full-code"),
            ("holds", "yes"),
            ("basis", "own"),
        ];
        assert_eq!(house.form(&address, &physician, &full).status, 303);
        let shown = banner(house, &physician);
        assert!(
            shown.contains("フルコード") && !shown.contains("気管挿管"),
            "{shown}"
        );
        let page = house.get(&address, &physician).body;
        let history = between(&page, "<ol class=\"wish-history\">", "</ol>");
        assert_eq!(history.matches("<li>").count(), 3, "{history}");
        refuses_wrong_entries(house, &physician, &entry, &tomorrow);
        keeps_three_entries_with_their_trail(house);
    });
}

fn refuses_wrong_entries(house: &House, physician: &str, entry: &[(&str, &str)], tomorrow: &str) {
    let address = path(house, "/wishes");
    // What is no day, a talk of tomorrow, an unknown wish.
    for (field, value) in [
        ("discussed", "soon"),
        ("discussed", tomorrow),
        ("wish", "wish.x"),
        ("review", "2020-01-01"),
    ] {
        let mut wrong = entry.to_vec();
        wrong.retain(|(name, _)| *name != field);
        wrong.push((field, value));
        assert_eq!(
            house.form(&address, physician, &wrong).status,
            400,
            "{field} {value}"
        );
    }
}

fn keeps_three_entries_with_their_trail(house: &House) {
    let patient = PatientId::new(house.internal);
    assert_eq!(
        house.app.store.care_of(patient, CareTopic::Wish).unwrap().len(),
        3
    );
    let filter = AuditFilter {
        patient: Some(patient),
        limit: 1000,
        ..AuditFilter::default()
    };
    let entries = house.app.store.audit_entries(&filter).unwrap();
    let created = entries
        .iter()
        .filter(|one| one.entry.subtype == AuditSubtype::Create);
    assert!(created.count() >= 3);
}

#[test]
fn a_review_that_is_overdue_is_told_and_consent_goes_out() {
    served(|house| {
        use tsumugi_records::{Moment, NewCareEntry, Stamp};
        let patient = PatientId::new(house.internal);
        let body = serde_json::json!({
            "name": "DNAR", "holds": true, "confirmed": true, "basis": "own", "with": ["patient"],
            "discussed": "2026-01-10", "review": "2026-07-10", "words": "", "source": null,
        });
        let entry = NewCareEntry {
            patient,
            topic: CareTopic::Wish,
            subject: "wish.dnar".to_owned(),
            key: None,
            body,
            stamp: Stamp {
                author: "sato".to_owned(),
                at: Moment::parse("2026-01-10T10:00").unwrap(),
            },
        };
        house.app.store.add_care(vec![entry]).unwrap();
        let physician = house.cookie("sato");
        let shown = banner(house, &physician);
        assert!(shown.contains("見直しの日を過ぎています"), "{shown}");
        let answer = house.get(&path(house, "/wishes/fhir"), &physician);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["entry"][0]["resource"]["status"], "active");
        // Nurses take nothing out; clerks have the particulars and not the wishes.
        assert_eq!(
            house
                .get(&path(house, "/wishes/fhir"), &house.cookie("suzuki"))
                .status,
            403
        );
        house.add_user("kato", "clerk");
        let clerk = house.cookie("kato");
        assert_eq!(house.get(&path(house, ""), &clerk).status, 200);
        assert_eq!(banner(house, &clerk), "");
        assert_eq!(house.get(&path(house, "/wishes"), &clerk).status, 403);
        // One patient's export holds it too.
        let export = house.app.store.export_patient(patient).unwrap();
        let bundle = crate::fhir::patient_bundle(&export).unwrap();
        assert!(bundle.to_string().contains("consentcategorycodes"));
    });
}

#[test]
fn harm_is_suggested_decided_with_one_key_and_listed() {
    served(|house| {
        let (physician, nurse) = (house.cookie("sato"), house.cookie("suzuki"));
        sign_on(house, "アモキシシリンを開始した。", (20, 9));
        sign_on(house, "昨日から皮疹が出現した。", (25, 9));
        let page = house.get(&path(house, "/harms"), &physician).body;
        let suspected = between(&page, "<ul class=\"harms\">", "</section>");
        assert!(
            suspected.contains("アモキシシリン") && suspected.contains("皮疹"),
            "{page}"
        );
        let event = between(suspected, "name=\"event\" value=\"", "\"").to_owned();
        let drug = between(suspected, "name=\"drug\" value=\"", "\"").to_owned();
        assert_eq!(drug, "drug.amoxicillin");
        let decide = |cookie: &str, verdict: &str, more: &[(&str, &str)]| {
            let mut fields = vec![
                ("drug", drug.as_str()),
                ("event", event.as_str()),
                ("verdict", verdict),
            ];
            fields.extend(more);
            house.form(&path(house, "/harms"), cookie, &fields).status
        };
        assert_eq!(decide(&nurse, "confirmed", &[]), 403);
        assert_eq!(decide(&physician, "perhaps", &[]), 400);
        assert_eq!(decide(&physician, "confirmed", &[("causality", "surely")]), 400);
        assert_eq!(
            decide(
                &physician,
                "confirmed",
                &[("causality", "probable"), ("words", "中止で軽快")]
            ),
            303
        );
        // It waits no more, and stands in the lists.
        assert_eq!(decide(&physician, "denied", &[]), 409);
        let page = house.get(&path(house, "/harms"), &physician).body;
        assert!(
            page.contains("判断を待つものはありません") && page.contains("おそらく"),
            "{page}"
        );
        let list = house.get("/harms", &physician).body;
        assert!(
            list.contains("試験 4711") && list.contains("中止で軽快"),
            "{list}"
        );
        let csv = house.get("/harms.csv", &physician).body;
        let rows: Vec<&str> = csv.lines().skip(1).collect();
        assert_eq!(rows.len(), 1, "{csv}");
        assert!(
            rows[0].starts_with("4711,drug.amoxicillin,") && rows[0].contains(",probable,none,unknown,"),
            "{csv}"
        );
        for address in ["/harms/fhir".to_owned(), path(house, "/harms/fhir")] {
            let answer = house.get(&address, &physician).json();
            assert_eq!(
                answer["entry"][0]["resource"]["resourceType"], "AdverseEvent",
                "{address}"
            );
        }
        // Who may not have the patient in a list, or takes nothing out, sees nothing of it.
        house.add_user("kato", "clerk");
        let clerk = house.cookie("kato");
        assert!(!house.get("/harms", &clerk).body.contains("4711"));
        assert_eq!(house.get("/harms.csv", &nurse).body.lines().count(), 1);
    });
}

#[test]
fn a_result_about_genes_is_a_hint_and_a_file_of_another_build_is_nothing() {
    served(|house| {
        let (physician, nurse) = (house.cookie("sato"), house.cookie("suzuki"));
        let address = path(house, "/genes");
        let typed = |gene: &str, written: &str| {
            let fields = [
                ("act", "typed"),
                ("gene", gene),
                ("written", written),
                ("laboratory", "試験検査所"),
            ];
            house.form(&address, &physician, &fields)
        };
        assert_eq!(typed("NUDT15", "*3/*3").status, 303);
        assert_eq!(typed("NUDT15", "*9/*9").status, 400);
        let page = house.get(&address, &physician).body;
        for words in ["*3/*3", "低代謝型", "アザチオプリン", "避ける", "試験検査所"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let vcf = "##fileformat=VCFv4.2\n##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n\
            chr10\t94781859\t.\tG\tA\t.\tPASS\t.\tGT\t0/1\n";
        let sent = |text: &str| {
            let fields = [("act", "vcf"), ("vcf", text)];
            house.form(&address, &physician, &fields)
        };
        let other = sent(&vcf.replace("GRCh38", "hg19"));
        assert_eq!(other.status, 400);
        assert!(other.body.contains("another genome build"), "{}", other.body);
        assert_eq!(sent(vcf).status, 303);
        let page = house.get(&address, &physician).body;
        // Two positions of CYP2C19 were not looked at: the diplotype is open, and so is the phenotype.
        for words in ["rs4986893", "決まらない", "*1/*2"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let patient = PatientId::new(house.internal);
        assert_eq!(
            house.app.store.care_of(patient, CareTopic::Genome).unwrap().len(),
            2
        );
        let fields = [("act", "typed"), ("gene", "NUDT15"), ("written", "*1/*1")];
        assert_eq!(house.form(&address, &nurse, &fields).status, 403);
    });
}

#[test]
fn reasons_stand_beside_their_fact_and_are_found_by_words() {
    served(|house| {
        use crate::care::reasons::{Reason, entry};
        use crate::web::Shown;
        let document = sign(house, "発熱。肺炎と診断した。", 13);
        let reason = Reason {
            name: "肺炎".to_owned(),
            words: "胸部聴診で右下肺野に水泡音".to_owned(),
            shown: Shown {
                on: true,
                diseases: vec![(
                    "acute-bronchitis".to_owned(),
                    "急性気管支炎".to_owned(),
                    "band.possible".to_owned(),
                )],
                ..Shown::default()
            },
            document,
            version: 1,
        };
        let patient = PatientId::new(house.internal);
        let stamp = tsumugi_records::Stamp {
            author: "sato".to_owned(),
            at: tsumugi_records::Moment::parse("2026-11-28T13:00").unwrap(),
        };
        house
            .app
            .store
            .add_care(vec![entry(patient, "pneumonia", &reason, stamp)])
            .unwrap();
        let physician = house.cookie("sato");
        let page = house.get(&format!("/documents/{document}"), &physician).body;
        assert!(page.contains("水泡音") && page.contains("急性気管支炎"), "{page}");
        for (query, found) in [
            ("", true),
            ("%E6%B0%B4%E6%B3%A1%E9%9F%B3", true),
            ("%E6%B0%97%E7%AE%A1%E6%94%AF%E7%82%8E", true),
            ("%E8%83%86%E5%9A%A2", false),
        ] {
            let list = house.get(&format!("/reasons?q={query}"), &physician).body;
            assert_eq!(list.contains("水泡音"), found, "{query}: {list}");
        }
        // Who may not read the note does not find it.
        house.add_user("kato", "clerk");
        let clerk = house.cookie("kato");
        assert!(!house.get("/reasons", &clerk).body.contains("水泡音"));
        assert!(
            !house
                .get(&format!("/reasons?patient={}", house.internal), &clerk)
                .body
                .contains("水泡音")
        );
    });
}

#[test]
fn diseases_are_told_with_standing_criteria_and_days() {
    served(|house| {
        let physician = house.cookie("sato");
        sign_on(
            house,
            "2型糖尿病の疑い。HbA1c 7.2%、空腹時血糖 140mg/dL。",
            (20, 9),
        );
        let page = house.get(&path(house, "/phenotypes"), &physician).body;
        let stated = between(&page, "aria-labelledby=\"stated\"", "</section>");
        assert!(
            stated.contains("2型糖尿病") && stated.contains("疑い(記載)"),
            "{page}"
        );
        let criteria = between(&page, "aria-labelledby=\"criteria\"", "</section>");
        for words in ["日本糖尿病学会", "基準で決まる", "HbA1c 6.5%以上", "/documents/"] {
            assert!(criteria.contains(words), "{words}: {criteria}");
        }
        sign_on(house, "2型糖尿病。", (25, 9));
        let page = house.get(&path(house, "/phenotypes"), &physician).body;
        let stated = between(&page, "aria-labelledby=\"stated\"", "</section>");
        assert!(stated.contains("確定(記載)"), "{stated}");
    });
}
