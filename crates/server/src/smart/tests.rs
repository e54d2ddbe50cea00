//! Apps over a real socket: what is granted opens what it should, and nothing else opens anything.

#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

mod backend;
mod flows;
mod refusals;
pub(crate) mod wire;

use crate::access::{Gate, Keys, Setting};
use crate::audit;
use crate::chart::{self, Signing};
use crate::smart::registration::{Typed, new_app};
use crate::web::{self, App};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tsumugi_access::UserId;
use tsumugi_clinical::Sex;
use tsumugi_coding::Coder;
use tsumugi_records::{
    AccessKind, AuditSubtype, Moment, PatientDetails, PatientId, Population, Stamp, Store,
};
use wire::{Answer, ask, encoded};

pub(crate) static CODER: LazyLock<Arc<Coder>> = LazyLock::new(|| Arc::new(Coder::without_tagger().unwrap()));

const REDIRECT: &str = "https://app.example/done";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn stamp() -> Stamp {
    Stamp {
        author: "mori".to_owned(),
        at: Moment::parse("2026-11-28T10:00").unwrap(),
    }
}

/// A hospital: a patient of internal medicine with a note, one of surgery, people and apps.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) address: SocketAddr,
    pub(crate) internal: i64,
    pub(crate) surgery: i64,
}

fn patient(store: &Store, number: &str, department: &str) -> i64 {
    let details = PatientDetails {
        number: number.to_owned(),
        name: format!("試験 {number}"),
        kana: String::new(),
        sex: Sex::Female,
        birth_date: None,
    };
    let id = store.create_patient(Population::Real, details, stamp()).unwrap();
    let signing = Signing {
        target: chart::new_note(id, None, "progress"),
        author: "mori".to_owned(),
        text: "発熱と咳嗽。BT39.2。肺炎と診断した。".to_owned(),
        written_at: stamp().at.civil(),
        signed_at: stamp().at.civil(),
        key: None,
        draft: None,
        structured: None,
        on_behalf_of: None,
        name: None,
        entry: None,
    };
    let record = store.patient(id).unwrap();
    chart::sign(&CODER, store, &record, signing).unwrap();
    place(store, id, department);
    id.get()
}

fn place(store: &Store, id: PatientId, department: &str) {
    let names = BTreeSet::from([department.to_owned()]);
    store
        .set_access_names(id, None, AccessKind::Department, names, stamp())
        .unwrap();
}

impl House {
    pub(crate) fn add_user(&self, name: &str, role: &str) {
        let gate = &self.app.gate;
        let user = gate
            .user((name, name), (role, "internal"), BTreeSet::new())
            .unwrap();
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        gate.add(&self.app.store, user, entry).unwrap();
    }

    fn add_app(&self, id: &str, kind: &str, scopes: &str, jwks: &str) -> Option<String> {
        let typed = Typed {
            id: id.to_owned(),
            name: format!("App {id}"),
            redirects: if kind == "keys" {
                String::new()
            } else {
                REDIRECT.to_owned()
            },
            launch: if kind == "keys" {
                String::new()
            } else {
                "https://app.example/launch".to_owned()
            },
            scopes: scopes.to_owned(),
            kind: kind.to_owned(),
            account: if kind == "keys" {
                "quality".to_owned()
            } else {
                String::new()
            },
        };
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        let new = new_app(&typed, jwks).unwrap();
        let secret = self.app.gate.register_app(&self.app.store, new, entry).unwrap();
        secret.map(|secret| secret.reveal())
    }

    /// A session of a person, as the hospital's record opens one.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let id = UserId::parse(name).unwrap();
        let signed = self.app.gate.vouch(&self.app.store, &id, "test").unwrap();
        format!("tsumugi_session={}", signed.token.reveal())
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> Answer {
        ask(self.address, "GET", path, &[("Cookie", cookie)], "")
    }

    pub(crate) fn form(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        ask(
            self.address,
            "POST",
            path,
            &[kind, ("Cookie", cookie)],
            &encoded(fields),
        )
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        ask(self.address, "POST", path, &[kind], &encoded(fields))
    }

    pub(crate) fn fhir(&self, path: &str, token: &str) -> Answer {
        let header = format!("Bearer {token}");
        ask(
            self.address,
            "GET",
            &format!("/fhir/R4/{path}"),
            &[("Authorization", &header)],
            "",
        )
    }

    fn aud(&self) -> String {
        format!("http://{}/fhir/R4", self.address)
    }

    /// An authorization request, with other fields in place of the usual ones; an empty one is left out.
    fn request(&self, app: &str, scopes: &str, other: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let usual = [
            ("response_type", "code"),
            ("client_id", app),
            ("redirect_uri", REDIRECT),
            ("scope", scopes),
            ("state", "a b&c"),
            ("aud", &self.aud()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut fields: Vec<(String, String)> = usual.into();
        fields.retain(|(name, _)| !other.iter().any(|(own, _)| own == name));
        let other = other.iter().filter(|(_, value)| !value.is_empty());
        fields.extend(other.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    }

    fn code(&self, name: &str, request: &[(String, String)], patient: Option<i64>) -> String {
        let answer = self.decide(&self.cookie(name), request, patient);
        answer
            .field("code")
            .unwrap_or_else(|| panic!("{} {} {}", answer.status, answer.head, answer.body))
    }

    fn decide(&self, cookie: &str, request: &[(String, String)], patient: Option<i64>) -> Answer {
        let patient = patient.map(|id| id.to_string());
        let mut fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        fields.extend(patient.as_deref().map(|id| ("patient", id)));
        fields.push(("decision", "allow"));
        self.form("/oauth/authorize", cookie, &fields)
    }

    fn redeem(&self, app: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", app),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &fields)
    }

    /// An access token of the app `chart` for a person.
    pub(crate) fn token(&self, name: &str, scopes: &str, patient: Option<i64>) -> String {
        let code = self.code(name, &self.request("chart", scopes, &[]), patient);
        let answer = self.redeem("chart", &code);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Serves the house while `work` asks it.
pub(crate) fn served(work: impl FnOnce(&House) + Send + 'static) {
    wire::serving(
        |address| {
            let store = Store::open_in_memory().unwrap();
            let (internal, surgery) = (
                patient(&store, "4711", "internal"),
                patient(&store, "4712", "surgery"),
            );
            let gate = Gate::open(&store, Setting::default()).unwrap();
            let parts = (gate, Keys::drawn(), None);
            let app = web::app(store, Arc::clone(&CODER), address, &[], parts).unwrap();
            let house = House {
                app,
                address,
                internal,
                surgery,
            };
            house.add_user("sato", "physician");
            house.add_user("suzuki", "nurse");
            house.add_user("quality", "records-manager");
            let scopes = "launch launch/patient openid fhirUser offline_access online_access patient/*.cruds user/*.rs";
            house.add_app("chart", "public", scopes, "");
            (Arc::clone(&house.app), house)
        },
        move |house| work(&house),
    );
}
