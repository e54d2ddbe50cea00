//! The hospital's own sign-in, against a small provider of our own, over real sockets.

mod provider;

use crate::access::{Gate, Keys, Origin, Setting, SigningKey, wall};
use crate::audit;
use crate::oidc::Oidc;
use crate::smart::tests::CODER;
use crate::smart::tests::wire::{Answer, ask, serving};
use crate::web::{self, App};
use provider::Provider;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use tsumugi_access::{Activity, UserId};
use tsumugi_records::{AuditFilter, AuditOutcome, AuditSubtype, Store};

const NEWCOMERS: &str = "[newcomers]\nrole = \"nurse\"\ndepartment = \"internal\"\n";

struct House {
    app: Arc<App>,
    address: SocketAddr,
    provider: Provider,
}

/// A sign-in that has begun: what the provider was asked, and what the browser keeps.
struct Begun {
    state: String,
    nonce: String,
    cookie: String,
}

fn served(more: &'static str, work: impl FnOnce(&House) + Send + 'static) {
    let provider = Provider::start();
    serving(
        move |address| {
            let store = Store::open_in_memory().unwrap();
            let gate = Gate::open(&store, Setting::default()).unwrap();
            let text = format!(
                "issuer = \"{}\"\nclient_id = \"tsumugi\"\n{more}",
                provider.issuer
            );
            let oidc = Oidc::of_text(&text).unwrap();
            let app = web::app(
                store,
                Arc::clone(&CODER),
                address,
                &[],
                (gate, Keys::drawn(), Some(oidc)),
            )
            .unwrap();
            let house = House {
                app,
                address,
                provider,
            };
            for (name, role) in [("sato", "physician"), ("kanri", "administrator")] {
                let user = house
                    .app
                    .gate
                    .user((name, name), (role, "internal"), BTreeSet::new())
                    .unwrap();
                let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
                house.app.gate.add(&house.app.store, user, entry).unwrap();
            }
            (Arc::clone(&house.app), house)
        },
        move |house| work(&house),
    );
}

impl House {
    fn begin(&self) -> Begun {
        let answer = ask(self.address, "GET", "/oidc/sign-in?next=/account", &[], "");
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert!(
            answer
                .header("location")
                .unwrap()
                .starts_with(&format!("{}/authorize?", self.provider.issuer))
        );
        self.provider.expect(&answer.field("code_challenge").unwrap());
        assert_eq!(answer.field("code_challenge_method").as_deref(), Some("S256"));
        Begun {
            state: answer.field("state").unwrap(),
            nonce: answer.field("nonce").unwrap(),
            cookie: answer
                .header("set-cookie")
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned(),
        }
    }

    fn claims(&self, begun: &Begun, sub: &str, name: &str) -> Value {
        let now = wall().get();
        json!({
            "iss": self.provider.issuer, "sub": sub, "aud": "tsumugi", "exp": now + 300, "iat": now,
            "nonce": begun.nonce, "preferred_username": name, "name": "Test Person",
        })
    }

    fn back(&self, begun: &Begun) -> Answer {
        let path = format!("/oidc/callback?code=c-1&state={}", begun.state);
        ask(self.address, "GET", &path, &[("Cookie", &begun.cookie)], "")
    }

    /// A whole sign-in with claims changed.
    fn sign_in(&self, (sub, name): (&str, &str), change: &[(&str, Value)]) -> Answer {
        let begun = self.begin();
        let mut claims = self.claims(&begun, sub, name);
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        self.provider.says(&claims);
        self.back(&begun)
    }

    fn user(&self, answer: &Answer) -> Option<(String, bool)> {
        let token = answer.header("set-cookie")?.strip_prefix("tsumugi_session=")?;
        let token = token.split(';').next()?;
        let resolved = self
            .app
            .gate
            .resolve(&self.app.store, token, Activity::Person, &Origin::default());
        resolved
            .ok()
            .map(|actor| (actor.user().id.to_string(), actor.session.second_factor))
    }
}

fn is_refused(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.header("set-cookie").is_none(), "{}", answer.head);
    assert!(
        answer.body.contains("role=\"alert\"") && answer.body.contains("/oidc/sign-in"),
        "what to do: {}",
        answer.body
    );
}

#[test]
fn who_signs_in_at_the_hospital_is_signed_in_here() {
    served("", |house| {
        let page = ask(house.address, "GET", "/sign-in", &[], "");
        assert!(page.body.contains("/oidc/sign-in?next="));
        let answer = house.sign_in(("17", "sato"), &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("0;url=/account"));
        assert_eq!(house.user(&answer), Some(("sato".to_owned(), false)));
        assert_eq!(
            house.user(&house.sign_in(
                ("17", "SATO"),
                &[("aud", json!(["tsumugi", "x"])), ("azp", json!("tsumugi"))]
            )),
            Some(("sato".to_owned(), false))
        );
    });
}

#[test]
fn a_token_that_is_not_right_signs_nobody_in() {
    served("", |house| {
        let now = wall().get();
        for change in [
            ("nonce", json!("another")),
            ("nonce", Value::Null),
            ("aud", json!("another")),
            ("aud", json!([])),
            ("aud", json!(["tsumugi", "another"])),
            ("azp", json!("another")),
            ("iss", json!("https://elsewhere.example")),
            ("exp", json!(now - 1)),
            ("exp", Value::Null),
            ("iat", json!(now + 3600)),
            ("nbf", json!(now + 3600)),
            ("sub", Value::Null),
            ("sub", json!("")),
        ] {
            let answer = house.sign_in(("17", "sato"), std::slice::from_ref(&change));
            assert_eq!(answer.status, 403, "{change:?}");
            is_refused(&answer);
        }
        let filter = AuditFilter {
            agent: Some("unknown"),
            limit: 100,
            ..AuditFilter::default()
        };
        let entries = house.app.store.audit_entries(&filter).unwrap();
        let refused = entries
            .iter()
            .filter(|record| record.entry.outcome == AuditOutcome::MinorFailure);
        assert_eq!(refused.count(), 13);
    });
}

#[test]
fn a_token_of_another_key_or_of_none_signs_nobody_in() {
    served("", |house| {
        let begun = house.begin();
        let claims = house.claims(&begun, "17", "sato");
        house.provider.sends(&SigningKey::drawn().sign(&claims).unwrap());
        is_refused(&house.back(&begun));
        for algorithm in ["none", "HS256", "RS256"] {
            let begun = house.begin();
            let claims = house.claims(&begun, "17", "sato");
            house.provider.sends(&provider::unsigned(algorithm, &claims));
            is_refused(&house.back(&begun));
        }
        let begun = house.begin();
        house.provider.sends("");
        is_refused(&house.back(&begun));
        // What is right still is.
        assert!(house.user(&house.sign_in(("17", "sato"), &[])).is_some());
    });
}

#[test]
fn a_state_is_used_once_and_by_its_browser() {
    served("", |house| {
        let begun = house.begin();
        house.provider.says(&house.claims(&begun, "17", "sato"));
        assert!(house.user(&house.back(&begun)).is_some());
        is_refused(&house.back(&begun));
        let begun = house.begin();
        house.provider.says(&house.claims(&begun, "17", "sato"));
        let stolen = Begun {
            cookie: "tsumugi_oidc=another".to_owned(),
            ..begun
        };
        is_refused(&house.back(&stolen));
        let forged = Begun {
            state: "forged".to_owned(),
            ..house.begin()
        };
        is_refused(&house.back(&forged));
        let begun = house.begin();
        let path = format!("/oidc/callback?error=access_denied&state={}", begun.state);
        is_refused(&ask(
            house.address,
            "GET",
            &path,
            &[("Cookie", &begun.cookie)],
            "",
        ));
        let begun = house.begin();
        house.provider.says(&house.claims(&begun, "17", "sato"));
        house.provider.expect("another challenge");
        is_refused(&house.back(&begun));
    });
}

#[test]
fn an_account_is_wanted_and_stays_with_its_person() {
    served("", |house| {
        is_refused(&house.sign_in(("18", "nobody"), &[]));
        is_refused(&house.sign_in(("18", "a/b"), &[]));
        is_refused(&house.sign_in(("18", "setup"), &[]));
        assert!(house.user(&house.sign_in(("17", "sato"), &[])).is_some());
        is_refused(&house.sign_in(("18", "sato"), &[]));
        is_refused(&house.sign_in(("19", "kanri"), &[]));
        is_refused(&house.sign_in(("19", "kanri"), &[("amr", json!(["pwd", "mfa"]))]));
    });
    served("trust_second_factor = true\n", |house| {
        let answer = house.sign_in(("19", "kanri"), &[("amr", json!(["pwd", "mfa"]))]);
        assert_eq!(house.user(&answer), Some(("kanri".to_owned(), true)));
    });
}

#[test]
fn newcomers_get_the_role_that_the_settings_name() {
    served(NEWCOMERS, |house| {
        let answer = house.sign_in(("20", "hana"), &[]);
        assert_eq!(house.user(&answer), Some(("hana".to_owned(), false)));
        let view = house
            .app
            .gate
            .with(|inner, _| inner.accounts.view_of(&UserId::parse("hana").unwrap()))
            .unwrap();
        assert_eq!(
            (
                view.user.role.as_str(),
                view.user.name.as_str(),
                view.has_password
            ),
            ("nurse", "Test Person", false)
        );
        is_refused(&house.sign_in(("20", "setup"), &[]));
    });
    served(
        "[newcomers]\nrole = \"administrator\"\ndepartment = \"internal\"\n",
        |house| {
            is_refused(&house.sign_in(("20", "hana"), &[]));
            assert!(
                house
                    .app
                    .gate
                    .with(|inner, _| inner.accounts.user(&UserId::parse("hana").unwrap()).is_none())
            );
        },
    );
}

#[test]
fn a_provider_that_is_away_or_another_is_told_on_the_page() {
    served("", |house| {
        house.provider.calls_itself("https://elsewhere.example");
        is_refused(&ask(house.address, "GET", "/oidc/sign-in", &[], ""));
    });
    let away = "issuer = \"http://127.0.0.1:9\"\nclient_id = \"tsumugi\"\n";
    assert!(Oidc::of_text(away).is_ok());
    for wrong in [
        "issuer = \"http://id.example\"\nclient_id = \"x\"\n",
        "issuer = \"https://id.example\"\nclient_id = \"x\"\n",
        "issuer = \"http://127.0.0.1:9\"\nclient_id = \"\"\n",
        "issuer = \"http://127.0.0.1:9\"\nclient_id = \"x\"\nsecret_file = \"/no/such/file\"\n",
        "issuer = \"http://127.0.0.1:9\"\nclient_id = \"x\"\nother = 1\n",
    ] {
        assert!(Oidc::of_text(wrong).is_err(), "{wrong}");
    }
}
