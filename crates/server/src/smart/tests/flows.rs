//! What an app does, from the first request to what it reads.

use super::{CODER, House, REDIRECT, place, served, stamp};
use crate::audit;
use crate::chart::{self, Signing};
use crate::smart::tests::wire::ask;
use tsumugi_access::{AppId, KeySet, UserId};
use tsumugi_records::{AuditFilter, AuditOutcome, AuditSubtype, PatientId, Stamp};

#[test]
fn what_is_offered_is_told_and_its_addresses_are_there() {
    served(|house| {
        for path in [
            "/.well-known/smart-configuration",
            "/fhir/R4/.well-known/smart-configuration",
        ] {
            let told = house.get(path, "").json();
            assert_eq!(told["code_challenge_methods_supported"][0], "S256");
            assert_eq!(
                told["token_endpoint"],
                format!("http://{}/oauth/token", house.address)
            );
        }
        let keys = house.get("/oauth/jwks", "");
        assert!(KeySet::parse(&keys.body).is_ok() && keys.json()["keys"][0].get("d").is_none());
        let statement = house.get("/fhir/R4/metadata", "").json();
        assert_eq!(statement["fhirVersion"], "4.0.1");
        assert_eq!(
            house.get("/.well-known/openid-configuration", "").json()["issuer"],
            format!("http://{}", house.address)
        );
    });
}

#[test]
fn an_app_reads_the_patient_that_was_chosen() {
    served(|house| {
        let request = house.request(
            "chart",
            "launch/patient openid fhirUser patient/Condition.rs patient/Patient.r",
            &[("nonce", "n-1")],
        );
        let pairs: Vec<(&str, &str)> = request.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let path = format!("/oauth/authorize?{}", super::encoded(&pairs));
        let answer = house.get(&path, "");
        assert!(
            answer
                .header("location")
                .unwrap()
                .starts_with("/sign-in?next=%2Foauth%2Fauthorize"),
            "{}",
            answer.head
        );
        let page = house.get(&path, &house.cookie("sato"));
        assert_eq!(page.status, 200);
        assert!(page.body.contains("App chart") && page.body.contains("4711"));
        assert!(
            !page.body.contains("4712"),
            "a patient of another department is not offered"
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("form-action 'self' https://app.example;"),
            "{policy}"
        );

        let answer = house.decide(&house.cookie("sato"), &request, Some(house.internal));
        assert!(
            answer
                .header("location")
                .unwrap()
                .starts_with(&format!("{REDIRECT}?"))
        );
        assert_eq!(answer.field("state").as_deref(), Some("a b&c"));
        assert_eq!(answer.field("iss"), Some(format!("http://{}", house.address)));
        let code = answer.field("code").unwrap();
        let (user, token) = checked(house, &code);
        opens_that_patient_only(house, &user, &token);
        // The second use of a code ends what the first one gave.
        let again = house.redeem("chart", &code);
        assert_eq!(
            (again.status, again.json()["error"].as_str()),
            (400, Some("invalid_grant"))
        );
        assert_eq!(
            house.fhir(&format!("Patient/{}", house.internal), &token).status,
            401
        );
    });
}

/// What a code gives: the practitioner it was given for, and the access token.
fn checked(house: &House, code: &str) -> (String, String) {
    let tokens = house.redeem("chart", code);
    assert_eq!(tokens.header("cache-control"), Some("no-store"));
    let tokens = tokens.json();
    assert_eq!(tokens["patient"], house.internal.to_string());
    assert_eq!(
        tokens["scope"],
        "launch/patient openid fhirUser patient/Condition.rs patient/Patient.r"
    );
    assert!(tokens["expires_in"].as_u64().unwrap() <= 3600 && tokens.get("refresh_token").is_none());
    let keys = KeySet::parse(&house.get("/oauth/jwks", "").body).unwrap();
    let claims = keys.verify(tokens["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims.text("nonce"), Some("n-1"));
    assert_eq!(
        (claims.text("sub"), claims.texts("aud")),
        (Some("sato"), vec!["chart"])
    );
    let user = claims
        .text("fhirUser")
        .unwrap()
        .rsplit_once("/fhir/R4/")
        .unwrap()
        .1
        .to_owned();
    (user, tokens["access_token"].as_str().unwrap().to_owned())
}

/// The token opens the patient and the type that were agreed to, and nothing else.
fn opens_that_patient_only(house: &House, user: &str, token: &str) {
    assert_eq!(house.fhir(user, token).json()["name"][0]["text"], "sato");
    assert_eq!(house.fhir("Practitioner/suzuki", token).status, 403);
    let patient = house.fhir(&format!("Patient/{}", house.internal), token);
    assert_eq!(
        (patient.status, patient.json()["identifier"][0]["value"].as_str()),
        (200, Some("4711"))
    );
    assert_eq!(
        patient.header("content-type"),
        Some("application/fhir+json; charset=utf-8")
    );
    let found = house
        .fhir(&format!("Condition?patient=Patient/{}", house.internal), token)
        .json();
    assert_eq!(found["resourceType"], "Bundle");
    let own = &found["entry"][0]["resource"];
    assert_eq!(own["subject"]["reference"], format!("Patient/{}", house.internal));
    let one = house.fhir(&format!("Condition/{}", own["id"].as_str().unwrap()), token);
    assert_eq!(one.json(), *own);
    for (path, status) in [
        (format!("Patient/{}", house.surgery), 403),
        (format!("Condition?patient={}", house.surgery), 403),
        (format!("Observation?patient={}", house.internal), 403),
        (format!("Patient?_id={}", house.internal), 403),
        ("Patient?identifier=9999".to_owned(), 403),
        (format!("Condition?patient={}&colour=x", house.internal), 400),
        (format!("Claim?patient={}", house.internal), 403),
        (format!("Unknown?patient={}", house.internal), 404),
        ("Condition/none".to_owned(), 404),
    ] {
        let answer = house.fhir(&path, token);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{path}");
    }
}

#[test]
fn the_policy_is_asked_about_the_person_at_each_request() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let (own, other) = (
            format!("Condition?patient={}", house.internal),
            format!("Condition?patient={}", house.surgery),
        );
        let found = house.fhir(&own, &token);
        assert_eq!(found.status, 200, "{}", found.body);
        assert!(found.json()["total"].as_u64().unwrap() >= 1);
        assert_eq!(
            house.fhir(&format!("{own}&_count=0"), &token).json()["entry"]
                .as_array()
                .unwrap()
                .len(),
            0
        );
        assert_eq!(house.fhir(&other, &token).status, 403);
        let hidden = house.fhir(&format!("Patient?_id={}", house.surgery), &token);
        assert_eq!(
            (hidden.status, hidden.json()["total"].as_u64()),
            (200, Some(0)),
            "a search does not tell who is here"
        );
        place(&house.app.store, PatientId::new(house.internal), "surgery");
        assert_eq!(house.fhir(&own, &token).status, 403, "the patient moved");
        place(&house.app.store, PatientId::new(house.internal), "internal");
        let filter = AuditFilter {
            agent: Some("app:chart"),
            limit: 100,
            ..AuditFilter::default()
        };
        let entries = house.app.store.audit_entries(&filter).unwrap();
        let of = |outcome, patient| {
            entries.iter().any(|record| {
                let entry = &record.entry;
                entry.outcome == outcome
                    && entry.patient == Some(PatientId::new(patient))
                    && entry.agent.on_behalf_of.as_deref() == Some("sato")
            })
        };
        assert!(of(AuditOutcome::Success, house.internal) && of(AuditOutcome::MinorFailure, house.surgery));
        let looked = house.get(
            &format!("/patients/{}/who", house.internal),
            &house.cookie("sato"),
        );
        assert!(looked.body.contains("app:chart"), "{}", looked.body);
        // Who is no longer active opens nothing, through no app either.
        let view = house
            .app
            .gate
            .with(|inner, _| inner.accounts.view_of(&UserId::parse("sato").unwrap()))
            .unwrap();
        let user = tsumugi_access::User {
            active: false,
            ..view.user
        };
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        house
            .app
            .gate
            .change(&house.app.store, view.version, user, entry)
            .unwrap();
        assert_eq!(house.fhir(&own, &token).status, 401);
    });
}

#[test]
fn a_note_that_is_restricted_is_not_among_what_an_app_reads() {
    served(|house| {
        let token = house.token("sato", "patient/*.rs", Some(house.internal));
        let path = format!("Condition?patient={}", house.internal);
        let all = house.fhir(&path, &token).json();
        assert!(all["total"].as_u64().unwrap() >= 1);
        let (id, store) = (PatientId::new(house.internal), &house.app.store);
        let document = *store.documents_of(id).unwrap().first().unwrap();
        let names = std::collections::BTreeSet::from(["hiv".to_owned()]);
        store
            .set_access_names(
                id,
                Some(document),
                tsumugi_records::AccessKind::Label,
                names,
                stamp(),
            )
            .unwrap();
        let left = house.fhir(&path, &token);
        assert_eq!((left.status, left.json()["total"].as_u64()), (200, Some(0)));
        let one = all["entry"][0]["resource"]["id"].as_str().unwrap();
        assert_eq!(house.fhir(&format!("Condition/{one}"), &token).status, 404);
    });
}

#[test]
fn an_app_that_is_started_from_a_patients_page_gets_that_patient_once() {
    served(|house| {
        let cookie = house.cookie("sato");
        let page = house.get(&format!("/patients/{}", house.internal), &cookie);
        assert!(page.body.contains("/apps/chart/launch"));
        let start = |patient: i64| {
            house.form(
                "/apps/chart/launch",
                &cookie,
                &[("patient", &patient.to_string())],
            )
        };
        assert_eq!(start(house.surgery).status, 403);
        let started = start(house.internal);
        let (_, rest) = started.body.split_once("launch=").unwrap();
        let launch = rest.get(..64).unwrap();
        assert!(
            started
                .body
                .contains("https://app.example/launch?iss=http%3A%2F%2F")
        );
        let request = house.request(
            "chart",
            "launch patient/*.rs online_access",
            &[("launch", launch)],
        );
        let other = house.decide(&house.cookie("suzuki"), &request, None);
        assert_eq!(
            other.field("error").as_deref(),
            Some("invalid_request"),
            "another person's launch"
        );
        let code = house
            .decide(&cookie, &request, Some(house.surgery))
            .field("code")
            .unwrap();
        let tokens = house.redeem("chart", &code).json();
        assert_eq!(
            tokens["patient"],
            house.internal.to_string(),
            "the launch says which, not the form"
        );
        let again = house.decide(&cookie, &request, None);
        assert_eq!(
            again.field("error").as_deref(),
            Some("invalid_request"),
            "used up"
        );

        let refresh = |token: &str| {
            house.post(
                "/oauth/token",
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", "chart"),
                    ("refresh_token", token),
                ],
            )
        };
        let first = tokens["refresh_token"].as_str().unwrap();
        let next = refresh(first);
        assert_eq!(next.status, 200, "{}", next.body);
        house.form("/sign-out", &cookie, &[]);
        let ended = refresh(next.json()["refresh_token"].as_str().unwrap());
        assert_eq!(
            ended.json()["error"],
            "invalid_grant",
            "online access ends with the session"
        );
    });
}

#[test]
fn what_was_granted_is_taken_back() {
    served(|house| {
        let code = house.code(
            "sato",
            &house.request("chart", "user/*.rs offline_access", &[]),
            None,
        );
        let tokens = house.redeem("chart", &code).json();
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let path = format!("Patient/{}", house.internal);
        assert_eq!(house.fhir(&path, &token).status, 200);
        let cookie = house.cookie("sato");
        let account = house.get("/account", &cookie);
        let (_, rest) = account.body.split_once("name=\"handle\" value=\"").unwrap();
        assert!(account.body.contains("chart"));
        let own = house
            .app
            .gate
            .with(|inner, now| inner.grants.of_person(&UserId::parse("sato").unwrap(), now));
        assert!(account.body.contains(&own[0].0), "{rest}");
        house.form("/account/apps", &cookie, &[("handle", &own[0].0)]);
        assert_eq!(house.fhir(&path, &token).status, 401);

        let token = house.token("sato", "user/*.rs", None);
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        let chart = AppId::parse("chart").unwrap();
        house
            .app
            .gate
            .switch_app(&house.app.store, (&chart, false), entry)
            .unwrap();
        assert_eq!(house.fhir(&path, &token).status, 401, "the app is disabled");
        assert_eq!(
            ask(house.address, "GET", "/fhir/R4/metadata", &[], "").status,
            200
        );
    });
}

#[test]
fn what_nobody_has_confirmed_says_so_to_apps_and_what_was_confirmed_is_final() {
    served(|house| {
        let store = &house.app.store;
        let record = store.patient(PatientId::new(house.internal)).unwrap();
        let signing = Signing {
            target: chart::new_note(record.id, None, "progress"),
            author: "hata".to_owned(),
            text: "高血圧症。".to_owned(),
            written_at: stamp().at.civil(),
            signed_at: stamp().at.civil(),
            key: None,
            draft: None,
            structured: None,
            on_behalf_of: Some("sato".to_owned()),
            name: None,
            entry: None,
        };
        let document = chart::sign(&CODER, store, &record, signing).unwrap().document;
        let token = house.token("sato", "user/*.rs", None);
        let standing = |kind: &str| -> Vec<String> {
            let found = house
                .fhir(&format!("{kind}?patient={}", house.internal), &token)
                .json();
            let entries = found["entry"].as_array().unwrap().clone();
            let told = entries.into_iter().map(|entry| {
                let resource = &entry["resource"];
                format!("{} {}", resource["docStatus"], resource["meta"]["tag"])
            });
            told.collect()
        };
        let is_open = |told: &[String]| told.iter().any(|one| one.contains("unconfirmed"));
        assert!(is_open(&standing("Condition")), "{:?}", standing("Condition"));
        let documents = standing("DocumentReference");
        assert!(
            documents.iter().any(|one| one.starts_with("\"preliminary\"")),
            "{documents:?}"
        );
        let now = Stamp {
            author: "sato".to_owned(),
            ..stamp()
        };
        store.confirm(document, 1, now).unwrap();
        assert!(!is_open(&standing("Condition")));
        let documents = standing("DocumentReference");
        assert!(
            !documents.iter().any(|one| one.starts_with("\"preliminary\"")),
            "{documents:?}"
        );
    });
}

#[test]
fn what_an_app_was_granted_ends_with_the_password_it_was_granted_under() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let path = format!("Patient/{}", house.internal);
        assert_eq!(house.fhir(&path, &token).status, 200);
        let id = UserId::parse("sato").unwrap();
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        let link = house
            .app
            .gate
            .offer_password(&house.app.store, &id, entry)
            .unwrap()
            .reveal();
        house
            .app
            .gate
            .set_password_by_link(&house.app.store, &link, "mizu-no-oto-3:furuike")
            .unwrap();
        assert_eq!(house.fhir(&path, &token).status, 401);
    });
}
