//! What is malformed, forged, replayed or from elsewhere gets nothing.

use super::{REDIRECT, VERIFIER, served};
use crate::access::{Gate, Rows, Setting, wall};
use crate::smart::tests::wire::ask;
use std::time::Duration;
use tsumugi_access::{Kind, Storage as _, Write};

#[test]
fn a_request_that_is_wrong_is_told_to_the_person_or_to_the_app() {
    served(|house| {
        let cookie = house.cookie("sato");
        let scopes = "patient/*.rs";
        for (name, value, error) in [
            ("client_id", "nobody", None),
            ("client_id", "", None),
            ("redirect_uri", "https://app.example/done/", None),
            ("redirect_uri", "https://evil.example/", None),
            ("redirect_uri", "", None),
            ("response_type", "token", Some("unsupported_response_type")),
            ("code_challenge", "", Some("invalid_request")),
            ("code_challenge_method", "plain", Some("invalid_request")),
            ("code_challenge_method", "", Some("invalid_request")),
            ("aud", "https://elsewhere.example/fhir", Some("invalid_request")),
            ("aud", "", Some("invalid_request")),
            ("state", "", Some("invalid_request")),
            ("launch", "forged", Some("invalid_request")),
            ("scope", "system/*.rs", Some("invalid_scope")),
            ("scope", "", Some("invalid_scope")),
        ] {
            let answer = house.decide(
                &cookie,
                &house.request("chart", scopes, &[(name, value)]),
                Some(house.internal),
            );
            match error {
                None => {
                    assert_eq!(answer.status, 400, "{name}={value}");
                    assert!(answer.header("location").is_none() && answer.body.contains("role=\"alert\""));
                }
                Some(error) => {
                    assert_eq!(
                        answer.field("error").as_deref(),
                        Some(error),
                        "{name}={value}: {}",
                        answer.head
                    );
                    assert!(answer.header("location").unwrap().starts_with(REDIRECT));
                }
            }
            assert!(answer.field("code").is_none());
        }
        let denied = house.decide(&cookie, &house.request("chart", scopes, &[]), Some(house.surgery));
        assert_eq!(denied.status, 403, "a patient whom the person may not read");
        let mut twice = house.request("chart", scopes, &[]);
        twice.push(("scope".to_owned(), "user/*.rs".to_owned()));
        assert_eq!(house.decide(&cookie, &twice, Some(house.internal)).status, 400);
        let mut fields = house.request("chart", scopes, &[]);
        fields.push(("decision".to_owned(), "deny".to_owned()));
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = house.form("/oauth/authorize", &cookie, &pairs);
        assert_eq!(answer.field("error").as_deref(), Some("access_denied"));
    });
}

#[test]
fn the_tokens_address_takes_what_is_right_only() {
    served(|house| {
        let secret = house.add_app("trusted", "secret", "user/*.rs", "").unwrap();
        let code = || house.code("sato", &house.request("trusted", "user/*.rs", &[]), None);
        let redeem = |code: &str, other: &[(&str, &str)]| {
            let usual = [
                ("grant_type", "authorization_code"),
                ("client_id", "trusted"),
                ("client_secret", secret.as_str()),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ];
            let kept = usual
                .iter()
                .filter(|(name, _)| !other.iter().any(|(own, _)| own == name));
            let fields: Vec<(&str, &str)> = kept.chain(other).copied().collect();
            house.post("/oauth/token", &fields)
        };
        for (other, status, error) in [
            (("client_secret", "guess"), 401, "invalid_client"),
            (("client_secret", ""), 401, "invalid_client"),
            (("client_id", "nobody"), 401, "invalid_client"),
            (("client_id", ""), 401, "invalid_client"),
            (("grant_type", "password"), 400, "unsupported_grant_type"),
            (("grant_type", ""), 400, "invalid_request"),
            (("code", "forged"), 400, "invalid_grant"),
            (
                ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
                400,
                "invalid_grant",
            ),
            (("code_verifier", ""), 400, "invalid_request"),
            (("redirect_uri", "https://evil.example/"), 400, "invalid_grant"),
            (("client_assertion", "a.b.c"), 400, "invalid_request"),
        ] {
            let answer = redeem(&code(), &[other]);
            assert_eq!(
                (answer.status, answer.json()["error"].as_str()),
                (status, Some(error)),
                "{other:?}: {}",
                answer.body
            );
            assert!(answer.json().get("access_token").is_none());
        }
        let (code, answer) = (code(), |code: &str| redeem(code, &[]));
        let tokens = answer(&code);
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let json = ask(
            house.address,
            "POST",
            "/oauth/token",
            &[("Content-Type", "application/json")],
            "{}",
        );
        assert_eq!(
            (json.status, json.json()["error"].as_str()),
            (400, Some("invalid_request"))
        );
        let twice = house.post(
            "/oauth/token",
            &[("client_id", "chart"), ("client_id", "trusted")],
        );
        assert_eq!(
            (twice.status, twice.json()["error"].as_str()),
            (400, Some("invalid_request"))
        );
    });
}

#[test]
fn a_token_is_worth_what_its_app_is_told_and_is_revoked_by_it_alone() {
    served(|house| {
        let secret = house
            .add_app("trusted", "secret", "user/*.rs offline_access", "")
            .unwrap();
        let code = house.code(
            "sato",
            &house.request("trusted", "user/*.rs offline_access", &[]),
            None,
        );
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "trusted"),
            ("client_secret", secret.as_str()),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let tokens = house.post("/oauth/token", &fields).json();
        let (access, refresh) = (
            tokens["access_token"].as_str().unwrap(),
            tokens["refresh_token"].as_str().unwrap(),
        );
        let own = [("client_id", "trusted"), ("client_secret", secret.as_str())];
        let about = |who: &[(&str, &str)], path: &str, token: &str| {
            let fields: Vec<(&str, &str)> = who.iter().copied().chain([("token", token)]).collect();
            house.post(path, &fields)
        };
        let worth = about(&own, "/oauth/introspect", access).json();
        assert_eq!(
            (
                worth["active"].as_bool(),
                worth["sub"].as_str(),
                worth["scope"].as_str()
            ),
            (Some(true), Some("sato"), Some("offline_access user/*.rs"))
        );
        assert_eq!(
            about(&[("client_id", "chart")], "/oauth/introspect", access).json()["active"],
            false
        );
        assert_eq!(about(&[], "/oauth/introspect", access).status, 401);
        assert_eq!(about(&own, "/oauth/introspect", "forged").json()["active"], false);
        let path = format!("Patient/{}", house.internal);
        assert_eq!(
            about(&[("client_id", "chart")], "/oauth/revoke", refresh).status,
            200
        );
        assert_eq!(
            house.fhir(&path, access).status,
            200,
            "another app revokes nothing"
        );
        assert_eq!(
            house.fhir(&path, refresh).status,
            401,
            "a refresh token opens nothing"
        );
        assert_eq!(about(&own, "/oauth/revoke", refresh).status, 200);
        assert_eq!(house.fhir(&path, access).status, 401);
        assert_eq!(
            about(&own, "/oauth/introspect", access).json(),
            serde_json::json!({"active": false})
        );
    });
}

#[test]
fn without_a_token_that_holds_nothing_opens() {
    served(|house| {
        let path = format!("/fhir/R4/Patient/{}", house.internal);
        let cookie = house.cookie("sato");
        for headers in [
            vec![],
            vec![("Authorization", "Bearer forged")],
            vec![("Authorization", "Basic c2F0bzp4")],
            vec![("Cookie", cookie.as_str())],
        ] {
            let answer = ask(house.address, "GET", &path, &headers, "");
            assert_eq!(answer.status, 401, "{headers:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
        let token = house.token("sato", "user/*.rs", None);
        let header = format!("Bearer {token}");
        for path in ["/", "/patients/1", "/cds-services", "/account"] {
            let answer = ask(house.address, "GET", path, &[("Authorization", &header)], "");
            assert!(answer.status >= 300, "{path}: {}", answer.status);
        }
    });
}

#[test]
fn pages_of_registered_apps_ask_for_tokens_and_other_pages_do_not() {
    served(|house| {
        let asks = |origin: &str, method: &str, path: &str| {
            let kind = ("Content-Type", "application/x-www-form-urlencoded");
            ask(house.address, method, path, &[("Origin", origin), kind], "")
        };
        for (origin, wanted) in [
            ("https://app.example", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            for (method, path) in [
                ("OPTIONS", "/oauth/token"),
                ("POST", "/oauth/token"),
                ("GET", "/fhir/R4/Patient/1"),
            ] {
                let answer = asks(origin, method, path);
                let allowed = answer.header("access-control-allow-origin");
                assert_eq!(allowed, wanted.then_some(origin), "{method} {path}");
                assert!(answer.header("access-control-allow-credentials").is_none());
            }
        }
        for path in ["/oauth/authorize", "/apps", "/account/apps", "/apps/chart/launch"] {
            assert_eq!(asks("https://app.example", "POST", path).status, 403, "{path}");
        }
    });
}

#[test]
fn a_clock_set_back_while_it_did_not_run_ends_all_tokens() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let store = &house.app.store;
        let worth = |gate: &Gate| gate.bearer(&token, &crate::access::Origin::default()).is_some();
        let gate = Gate::open(store, Setting::default()).unwrap();
        assert!(worth(&gate), "after a restart");
        let later = wall().after(Duration::from_secs(3600)).to_string();
        Rows::new(store, None)
            .save(&[Write::Put {
                kind: Kind::Clock,
                key: "latest".to_owned(),
                value: later,
            }])
            .unwrap();
        let gate = Gate::open(store, Setting::default()).unwrap();
        assert!(!worth(&gate), "an hour back");
    });
}

#[test]
fn who_administers_registers_apps_and_nobody_else() {
    served(|house| {
        let fields = [
            ("id", "x"),
            ("name", "X"),
            ("redirects", REDIRECT),
            ("scopes", "patient/*.rs"),
            ("kind", "public"),
        ];
        for name in ["sato", "suzuki"] {
            let cookie = house.cookie(name);
            assert_eq!(house.get("/apps", &cookie).status, 403);
            assert_eq!(house.form("/apps", &cookie, &fields).status, 403);
            assert_eq!(
                house
                    .form("/apps/chart", &cookie, &[("action", "disable")])
                    .status,
                403
            );
        }
        assert_eq!(house.app.gate.with(|inner, _| inner.apps.list().count()), 1);
    });
}
