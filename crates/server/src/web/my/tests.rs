//! The patient's pages over a real socket.

#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::smart::tests::wire::{Answer, ask, encoded};
use crate::smart::tests::{House, served};
use crate::web::clock;
use jiff::ToSpan as _;
use tsumugi_records::consent::{
    Answer as Said, Approval, Basis, CodeBytes, CodeRequest, DataKind, Decision, Guardian, InstitutionKind,
    Item, Purpose, Recipient, Request, Respondent, Study, StudyText,
};
use tsumugi_records::{AuditFilter, Moment, PatientId, Population, Stamp};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn stamp(at: Moment) -> Stamp {
    Stamp {
        author: "sato".to_owned(),
        at,
    }
}

fn text(one_line: &str) -> StudyText {
    StudyText {
        one_line: one_line.to_owned(),
        one_page: "一枚".to_owned(),
        full: "全文".to_owned(),
        duo: Vec::new(),
    }
}

/// A registry of the biliary tract, on consent.
fn save(house: &House, one_line: &str, version: u32) {
    let study = Study {
        id: "biliary".to_owned(),
        population: Population::Real,
        title: "胆道疾患レジストリ".to_owned(),
        institution: "試験大学".to_owned(),
        kind_of_institution: InstitutionKind::Academic,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("diagnoses"), DataKind::new("drugs")],
        recipients: vec![Recipient {
            id: "univ".to_owned(),
            name: "試験大学".to_owned(),
            kind: InstitutionKind::Academic,
        }],
        basis: Basis::Consent,
        approval: Some(Approval {
            committee: "試験委員会".to_owned(),
            number: "1".to_owned(),
            until: clock::today().checked_add(1.year()).unwrap(),
        }),
        ends_at: None,
    };
    let store = &house.app.store;
    store
        .save_study(study, text(one_line), version, stamp(clock::now()))
        .unwrap();
}

/// A code in the form of the link, given out some minutes ago.
fn code(house: &House, number: u8, minutes: i64) -> String {
    issue(house, number, minutes, Respondent::Own)
}

fn issue(house: &House, number: u8, minutes: i64, respondent: Respondent) -> String {
    let request = CodeRequest {
        patient: PatientId::new(house.internal),
        encounter: None,
        respondent,
    };
    let bytes = CodeBytes {
        link: [number; 16],
        typed: [number; 5],
    };
    let at = clock::civil_now().checked_sub(minutes.minutes()).unwrap();
    let code = house.app.store.issue_code(request, bytes, stamp(at.into()));
    code.unwrap().link
}

fn enter(house: &House, code: &str) -> Answer {
    let body = encoded(&[("code", code)]);
    ask(house.address, "POST", "/my/enter", &[FORM], &body)
}

/// The cookie of a new session.
fn cookie(house: &House, number: u8) -> String {
    let answer = enter(house, &code(house, number, 0));
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/my"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

fn get(house: &House, path: &str, cookie: &str) -> Answer {
    ask(house.address, "GET", path, &[("Cookie", cookie)], "")
}

fn post(house: &House, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    ask(
        house.address,
        "POST",
        path,
        &[FORM, ("Cookie", cookie)],
        &encoded(fields),
    )
}

/// The hidden fields of the page of the study.
fn hidden(house: &House, cookie: &str) -> Vec<(String, String)> {
    let page = get(house, "/my/choices/biliary", cookie).body;
    assert!(!page.contains("checked"), "nothing is chosen in advance");
    let of = |name: &str| {
        let at = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
        at.and_then(|rest| rest.split('"').next())
            .unwrap_or_default()
            .to_owned()
    };
    ["text", "seen", "key"]
        .map(|name| (name.to_owned(), of(name)))
        .into()
}

/// Sends answers as the island does.
fn send(house: &House, cookie: &str, hidden: &[(String, String)], own: &[(&str, &str)]) -> Answer {
    let shown = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<(&str, &str)> = shown.chain(own.iter().copied()).collect();
    post(house, "/my/api/choices/biliary", cookie, &fields)
}

const YES: [(&str, &str); 5] = [
    ("act", "answer"),
    ("a:kind:diagnoses", "yes"),
    ("a:kind:drugs", "no"),
    ("a:purpose:research", "yes"),
    ("a:recipient:univ", "yes"),
];

fn is_allowed(house: &House, kind: &str) -> Result<(), &'static str> {
    let request = Request {
        patient: PatientId::new(house.internal),
        study: "biliary".to_owned(),
        purpose: Purpose::Research,
        kind: DataKind::new(kind),
        recipient: "univ".to_owned(),
        use_id: None,
        actor: "test".to_owned(),
        at: clock::now(),
    };
    match house.app.store.decide_use(&request).unwrap() {
        Decision::Allowed(_) => Ok(()),
        Decision::Refused(reason) => Err(reason.key()),
    }
}

#[test]
fn a_code_opens_one_session_and_only_in_time() {
    served(|house| {
        let fresh = code(house, 1, 0);
        let page = ask(house.address, "GET", &format!("/my?code={fresh}"), &[], "");
        assert!(page.status == 200 && page.body.contains(&fresh));
        assert_eq!(
            enter(house, &fresh).status,
            303,
            "looking at the link used nothing up"
        );
        let again = enter(house, &fresh);
        assert!(
            again.status == 410 && again.body.contains("使われています"),
            "{}",
            again.body
        );
        let late = enter(house, &code(house, 2, 16));
        assert!(
            late.status == 410 && late.body.contains("時間切れ"),
            "{}",
            late.body
        );
        assert_eq!(enter(house, "00000000").status, 401);
        let many = (0..12).map(|_| enter(house, "11111111").status).max();
        assert_eq!(many, Some(429), "guessing is slowed");
    });
}

#[test]
fn a_session_opens_its_own_patient_and_nothing_else() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        for path in ["/my/choices", "/my/looked", "/my/record", "/my/choices/biliary"] {
            let answer = get(house, path, "");
            assert_eq!(
                (answer.status, answer.field("why").as_deref()),
                (303, Some("none")),
                "{path}"
            );
            // A member of staff is not the patient.
            assert_eq!(get(house, path, &house.cookie("sato")).status, 303, "{path}");
        }
        assert_eq!(post(house, "/my/api/choices/biliary", "", &YES).status, 401);
        let phone = cookie(house, 1);
        for path in [
            "/my/choices",
            "/my/looked",
            "/my/record",
            "/my/correct",
            "/my/choices/biliary",
        ] {
            let page = get(house, path, &phone);
            assert_eq!(page.status, 200, "{path} {}", page.body);
            assert!(
                page.body.contains("試験 4711") && !page.body.contains("試験 4712"),
                "{path}"
            );
            assert!(!page.body.contains("href=\"/patients"), "{path}");
        }
        for path in [
            format!("/patients/{}", house.internal),
            "/".to_owned(),
            "/search".to_owned(),
        ] {
            let answer = get(house, &path, &phone);
            assert_eq!(answer.status, 303, "{path}");
            assert!(
                answer.header("location").unwrap().starts_with("/sign-in"),
                "{path}"
            );
        }
        assert_eq!(post(house, "/my/leave", &phone, &[]).status, 303);
        assert_eq!(get(house, "/my/choices", &phone).status, 303, "it was left");
    });
}

#[test]
fn answers_hold_at_once_and_one_tap_refuses_everything() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let phone = cookie(house, 1);
        assert_eq!(is_allowed(house, "diagnoses"), Err("not-answered"));
        let shown = hidden(house, &phone);
        let none = send(house, &phone, &shown, &[("act", "answer")]);
        assert_eq!(none.status, 400, "nothing was chosen");
        let answer = send(house, &phone, &shown, &YES);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(is_allowed(house, "diagnoses"), Ok(()));
        assert_eq!(is_allowed(house, "drugs"), Err("refused"));
        let receipt = get(house, "/my/receipts/biliary", &phone).json();
        assert_eq!(receipt["resourceType"], "Consent");
        assert_eq!(
            receipt["provision"]["provision"][0]["code"][0]["coding"][0]["code"],
            "diagnoses"
        );
        // Without the script: a form and a page.
        let shown = hidden(house, &phone);
        let fields: Vec<(&str, &str)> = shown
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("act", "refuse")])
            .collect();
        let refused = post(house, "/my/choices/biliary", &phone, &fields);
        let done = refused.header("location").unwrap().to_owned();
        assert!(refused.status == 303 && done.contains("done="), "{done}");
        assert_eq!(is_allowed(house, "diagnoses"), Err("withdrawn"));
        assert!(get(house, &done, &phone).body.contains("いまから有効です"));
    });
}

#[test]
fn what_waited_overwrites_nothing_that_was_said_later() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let phone = cookie(house, 1);
        let waited = hidden(house, &phone);
        assert_eq!(send(house, &phone, &waited, &YES).status, 200);
        // The answer of the server was lost on the way: the same comes again.
        let again = send(house, &phone, &waited, &YES);
        assert_eq!(again.status, 200, "{}", again.body);
        // Meanwhile the person withdraws elsewhere; then what waited comes in.
        let fresh = hidden(house, &phone);
        assert_eq!(send(house, &phone, &fresh, &[("act", "refuse")]).status, 200);
        let late = send(house, &phone, &waited, &YES);
        assert_eq!((late.status, &late.json()["state"]), (409, &"overtaken".into()));
        assert_eq!(is_allowed(house, "diagnoses"), Err("withdrawn"));
        let unseen: Vec<(String, String)> = waited
            .iter()
            .filter(|(name, _)| name != "seen")
            .cloned()
            .collect();
        assert_eq!(
            send(house, &phone, &unseen, &YES).status,
            400,
            "who saw nothing overwrites nothing"
        );
    });
}

#[test]
fn a_text_that_was_changed_while_it_was_read_is_read_again() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let phone = cookie(house, 1);
        let shown = hidden(house, &phone);
        save(house, "会社とも一緒に研究に使う", 1);
        let answer = send(house, &phone, &shown, &YES);
        assert_eq!((answer.status, &answer.json()["state"]), (409, &"changed".into()));
        assert_eq!(is_allowed(house, "diagnoses"), Err("not-answered"));
        // A yes to the text of before stops to count.
        assert_eq!(send(house, &phone, &hidden(house, &phone), &YES).status, 200);
        save(house, "もっと多くのことに使う", 2);
        assert_eq!(is_allowed(house, "diagnoses"), Err("text-changed"));
        assert!(
            get(house, "/my/choices", &phone)
                .body
                .contains("説明が新しくなりました")
        );
    });
}

#[test]
fn every_page_of_the_patient_leaves_an_entry() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let phone = cookie(house, 1);
        let count = || {
            let filter = AuditFilter {
                patient: Some(PatientId::new(house.internal)),
                limit: 1000,
                ..AuditFilter::default()
            };
            let entries = house.app.store.audit_entries(&filter).unwrap();
            entries
                .iter()
                .filter(|one| one.entry.agent.who.starts_with("patient:"))
                .count()
        };
        let shown = hidden(house, &phone);
        let mut before = count();
        let mut grew = |what: &str| {
            let now = count();
            assert_eq!(now, before + 1, "{what}");
            before = now;
        };
        for path in [
            "/my/choices",
            "/my/choices/biliary",
            "/my/looked",
            "/my/record",
            "/my/correct",
        ] {
            assert_eq!(get(house, path, &phone).status, 200);
            grew(path);
        }
        assert_eq!(send(house, &phone, &shown, &YES).status, 200);
        grew("an answer");
        let page = get(house, "/my/looked", &phone).body;
        assert!(page.contains("あなた（または代諾者）"), "{page}");
    });
}

#[test]
fn a_guardian_answers_for_one_child_at_a_time() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let store = &house.app.store;
        for patient in [house.internal, house.surgery] {
            let guardian = Guardian {
                id: "g-1".to_owned(),
                name: "試験 親子".to_owned(),
                relation: "母".to_owned(),
            };
            store
                .note_guardian(PatientId::new(patient), guardian, stamp(clock::now()))
                .unwrap();
        }
        let link = issue(house, 7, 0, Respondent::Guardian("g-1".to_owned()));
        let entered = enter(house, &link);
        let phone = entered
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        assert!(
            get(house, "/my/choices", &phone)
                .body
                .contains("代わりに答えています")
        );
        assert_eq!(send(house, &phone, &hidden(house, &phone), &YES).status, 200);
        let state = |patient| {
            let states = store.consent_state(PatientId::new(patient), "biliary", &clock::now());
            states
                .unwrap()
                .iter()
                .map(|state| state.answers.len())
                .sum::<usize>()
        };
        assert_eq!((state(house.internal), state(house.surgery)), (4, 0));
    });
}

#[test]
fn a_request_to_correct_is_a_task_of_the_physician_and_is_answered() {
    served(|house| {
        let phone = cookie(house, 1);
        let sent = [("about", "肺炎"), ("words", "喘息です"), ("key", "k-1")];
        assert_eq!(post(house, "/my/correct", &phone, &sent).status, 303);
        let page = format!("/patients/{}", house.internal);
        let doctor = house.cookie("sato");
        let shown = get(house, &page, &doctor);
        assert!(shown.body.contains("喘息です"), "{}", shown.body);
        let asked = house
            .app
            .store
            .amendments(PatientId::new(house.internal))
            .unwrap();
        let id = asked[0].id.to_string();
        let answer = [
            ("id", id.as_str()),
            ("outcome", "corrected"),
            ("words", "追記しました"),
        ];
        let address = format!("{page}/amendments");
        assert_eq!(post(house, &address, &doctor, &answer).status, 303);
        assert!(
            !get(house, &page, &doctor).body.contains("喘息です"),
            "it is done"
        );
        assert!(get(house, "/my/record", &phone).body.contains("追記しました"));
        assert_eq!(post(house, &address, &doctor, &answer).status, 409, "once");
    });
}

#[test]
fn staff_hand_over_a_code_answer_together_and_enter_paper() {
    served(|house| {
        save(house, "名前を外して研究に使う", 0);
        let nurse = house.cookie("suzuki");
        let page = format!("/patients/{}/consent", house.internal);
        assert!(get(house, &page, &nurse).body.contains("胆道疾患レジストリ"));
        let handed = post(
            house,
            &format!("/patients/{}/consent-code", house.internal),
            &nurse,
            &[("respondent", "")],
        );
        let typed = handed.body.split("class=\"code\">").nth(1).unwrap();
        let typed = typed.split('<').next().unwrap();
        assert_eq!(typed.len(), 9, "{typed}");
        assert!(handed.body.contains("class=\"qr\""));
        assert_eq!(enter(house, &typed.to_lowercase()).status, 303);
        let study = format!("{page}/biliary");
        let hash = house.app.store.study("biliary").unwrap().text_hash.to_string();
        let mut fields = vec![("text", hash.as_str()), ("seen", "0"), ("way", "paper")];
        fields.extend(YES);
        let paper = post(house, &study, &nurse, &fields);
        assert_eq!(
            paper.field("why").as_deref(),
            Some("paper"),
            "a paper has a place and a day"
        );
        let today = clock::today().to_string();
        fields.extend([("place", "外来 3 番の棚"), ("signed", today.as_str())]);
        assert!(post(house, &study, &nurse, &fields).field("done").is_some());
        assert_eq!(is_allowed(house, "diagnoses"), Ok(()));
        let held = house
            .app
            .store
            .consent_state(PatientId::new(house.internal), "biliary", &clock::now())
            .unwrap();
        let item = Item::Kind(DataKind::new("drugs"));
        assert_eq!(held[0].answers[&item].answer, Said::No);
        // A nurse of internal medicine does not ask patients of surgery.
        let other = format!("/patients/{}/consent", house.surgery);
        assert_eq!(get(house, &other, &nurse).status, 403);
    });
}

#[test]
fn studies_are_entered_and_changed_by_who_may() {
    served(|house| {
        let (manager, doctor) = (house.cookie("quality"), house.cookie("sato"));
        let mut fields = vec![
            ("id", "biliary"),
            ("title", "胆道疾患レジストリ"),
            ("institution", "試験大学"),
            ("kind_of_institution", "academic"),
            ("provider", "medical"),
            ("purpose", "research"),
            ("kind:diagnoses", "1"),
            ("recipients", "univ | 試験大学 | academic"),
            ("basis", "consent"),
            ("one_line", "名前を外して研究に使う"),
            ("one_page", "一枚"),
            ("full", "全文"),
        ];
        assert_eq!(post(house, "/studies", &doctor, &fields).status, 403);
        let added = post(house, "/studies", &manager, &fields);
        assert_eq!(added.status, 303, "{}", added.body);
        assert!(get(house, "/studies", &doctor).body.contains("承認なし"));
        fields.retain(|(name, _)| *name != "one_line");
        fields.extend([("one_line", "会社とも使う"), ("version", "1"), ("act", "preview")]);
        let preview = post(house, "/studies/biliary", &manager, &fields);
        assert!(
            preview.body.contains("<ins>+ 会社とも使う</ins>"),
            "{}",
            preview.body
        );
        assert_eq!(
            house.app.store.study("biliary").unwrap().version,
            1,
            "nothing is kept yet"
        );
        fields.retain(|(name, _)| *name != "act");
        assert_eq!(post(house, "/studies/biliary", &manager, &fields).status, 303);
        assert_eq!(
            post(house, "/studies/biliary", &manager, &fields).status,
            409,
            "stale"
        );
        fields.retain(|(name, _)| *name != "recipients");
        fields.push(("recipients", "no kind"));
        assert_eq!(post(house, "/studies", &manager, &fields).status, 400);
    });
}

#[test]
fn plain_words_are_of_concepts_that_are_there() {
    use crate::web::ui_text::{Language, Texts};
    let files = tsumugi_terminology::embedded_files();
    let texts = Texts::new(&tsumugi_terminology::sources_of(&files));
    let plain = texts.of(Language::Japanese).below("plain.");
    let plain = plain.as_object().unwrap();
    assert!(plain.len() > 20);
    for key in plain.keys() {
        let concept = key.trim_start_matches("plain.");
        let known = crate::smart::tests::CODER.vocabulary().concept(concept);
        assert!(known.is_some(), "{concept} is no concept");
    }
}
