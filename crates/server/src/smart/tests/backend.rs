//! Programs that work when nobody is there, under an account of their own.

use super::{House, served};
use crate::access::SigningKey;
use crate::access::wall;
use serde_json::{Value, json};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn assertion(house: &House, key: &SigningKey, jti: &str, change: &[(&str, Value)]) -> String {
    let mut claims = json!({
        "iss": "backend", "sub": "backend", "aud": format!("http://{}/oauth/token", house.address),
        "exp": wall().get() + 240, "jti": jti,
    });
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    key.sign(&claims).unwrap()
}

fn fetch(house: &House, assertion: &str, scopes: &str) -> super::Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", scopes),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ];
    house.post("/oauth/token", &fields)
}

#[test]
fn a_program_that_signs_reads_under_the_rights_of_its_account() {
    served(|house| {
        let key = SigningKey::drawn();
        house.add_app("backend", "keys", "system/*.rs", &key.set().to_string());
        let signed = assertion(house, &key, "a-1", &[]);
        let tokens = fetch(house, &signed, "system/Condition.rs system/Patient.cruds");
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let tokens = tokens.json();
        assert_eq!(tokens["scope"], "system/Condition.rs system/Patient.rs");
        assert!(tokens["expires_in"].as_u64().unwrap() <= 300 && tokens.get("refresh_token").is_none());
        let token = tokens["access_token"].as_str().unwrap();
        // Records managers read all departments.
        for patient in [house.internal, house.surgery] {
            assert_eq!(
                house.fhir(&format!("Condition?patient={patient}"), token).status,
                200
            );
        }
        assert_eq!(
            house
                .fhir(&format!("Observation?patient={}", house.internal), token)
                .status,
            403
        );
        let again = fetch(house, &signed, "system/*.rs");
        assert_eq!(
            (again.status, again.json()["error"].as_str()),
            (401, Some("invalid_client")),
            "replayed"
        );
        let none = fetch(house, &assertion(house, &key, "a-2", &[]), "user/*.rs");
        assert_eq!(
            (none.status, none.json()["error"].as_str()),
            (400, Some("invalid_scope"))
        );
    });
}

#[test]
fn a_forged_or_stale_assertion_gets_nothing() {
    served(|house| {
        let key = SigningKey::drawn();
        house.add_app("backend", "keys", "system/*.rs", &key.set().to_string());
        let now = wall().get();
        for (jti, change) in [
            ("b-1", ("exp", json!(now - 1))),
            ("b-2", ("exp", json!(now + 3600))),
            ("b-3", ("aud", json!("https://elsewhere.example/oauth/token"))),
            ("b-4", ("iss", json!("chart"))),
            ("b-5", ("sub", json!("chart"))),
            ("b-6", ("jti", json!(""))),
        ] {
            let answer = fetch(
                house,
                &assertion(house, &key, jti, std::slice::from_ref(&change)),
                "system/*.rs",
            );
            assert_eq!(
                (answer.status, answer.json()["error"].as_str()),
                (401, Some("invalid_client")),
                "{change:?}"
            );
        }
        let forged = assertion(house, &SigningKey::drawn(), "c-1", &[]);
        assert_eq!(fetch(house, &forged, "system/*.rs").status, 401);
        let whole = assertion(house, &key, "d-1", &[]);
        let unsigned = format!("{}.", whole.rsplit_once('.').unwrap().0);
        assert_eq!(fetch(house, &unsigned, "system/*.rs").status, 401);
        let public = house.post(
            "/oauth/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "chart"),
                ("scope", "system/*.rs"),
            ],
        );
        assert_eq!(public.json()["error"], "unauthorized_client");
    });
}
