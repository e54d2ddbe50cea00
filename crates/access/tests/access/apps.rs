//! Apps and their grants: what is forged, replayed, over or of another opens nothing.

use crate::support::{Fixed, at, user_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};
use tsumugi_access::{
    AppError, AppId, Apps, Challenge, Client, ClientError, Consent, Given, GrantError, Grants, JwtError,
    MemoryStorage, NewApp, NewAuthentication, PatientId, Scopes, Timestamp, Token, Tokens,
};

const REDIRECT: &str = "https://app.example/done";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const AUDIENCE: &str = "https://here.example/oauth/token";

fn app_id(name: &str) -> AppId {
    AppId::parse(name).unwrap()
}

fn new_app(name: &str, scopes: &str, authentication: NewAuthentication) -> NewApp {
    NewApp {
        id: app_id(name),
        name: name.to_owned(),
        redirects: vec![REDIRECT.to_owned()],
        launch: None,
        scopes: Scopes::parse(scopes).0,
        authentication,
        account: None,
    }
}

struct House {
    storage: MemoryStorage,
    entropy: Fixed,
    apps: Apps,
    grants: Grants,
}

impl House {
    fn new() -> Self {
        let storage = MemoryStorage::default();
        let apps = Apps::load(&storage).unwrap();
        let grants = Grants::load(&storage).unwrap();
        Self {
            storage,
            entropy: Fixed(7),
            apps,
            grants,
        }
    }

    fn with(scopes: &str) -> (Self, Client) {
        let mut house = Self::new();
        let client = house.public("chart", scopes);
        (house, client)
    }

    fn public(&mut self, name: &str, scopes: &str) -> Client {
        let new = new_app(name, scopes, NewAuthentication::Public);
        self.apps
            .register(&self.storage, &mut self.entropy, new, at(0))
            .unwrap();
        self.apps
            .authenticate(&app_id(name), Given::Nothing, &[], at(0))
            .unwrap()
    }

    fn code(&mut self, scopes: &str, now: Timestamp) -> Token {
        let consent = Consent {
            app: app_id("chart"),
            user: user_id("sato"),
            second_factor: false,
            session: "s1".to_owned(),
            scopes: Scopes::parse(scopes).0,
            patient: Some(PatientId::new(7)),
            encounter: None,
            redirect: REDIRECT.to_owned(),
            challenge: Challenge::parse(&URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))).unwrap(),
            nonce: None,
        };
        self.grants
            .authorize(&self.storage, &mut self.entropy, consent, now)
            .unwrap()
    }

    fn redeem(&mut self, client: &Client, code: &str, now: Timestamp) -> Result<Tokens, GrantError> {
        self.grants.redeem(
            &self.storage,
            &mut self.entropy,
            client,
            (code, REDIRECT, VERIFIER),
            now,
        )
    }

    fn refresh(
        &mut self,
        client: &Client,
        token: &str,
        online: bool,
        now: Timestamp,
    ) -> Result<Tokens, GrantError> {
        self.grants.refresh(
            &self.storage,
            &mut self.entropy,
            client,
            (token, None),
            &|_| online,
            now,
        )
    }

    fn opens(&self, token: &Token, now: Timestamp) -> bool {
        self.grants
            .look(&token.reveal(), now)
            .is_some_and(|access| access.is_access)
    }
}

#[test]
fn a_code_opens_once_for_a_minute() {
    let (mut house, client) = House::with("patient/*.rs");
    let code = house.code("patient/*.rs", at(0)).reveal();
    assert!(house.grants.look(&code, at(0)).is_none(), "a code is no token");
    let tokens = house.redeem(&client, &code, at(59)).unwrap();
    assert!(tokens.refresh.is_none());
    assert_eq!(tokens.grant.patient, Some(PatientId::new(7)));
    assert!(house.opens(&tokens.access, at(60)));
    assert_eq!(
        house.redeem(&client, &code, at(61)).unwrap_err(),
        GrantError::Reused
    );
    assert!(
        !house.opens(&tokens.access, at(62)),
        "what a stolen code gave ends with it"
    );
    let late = house.code("patient/*.rs", at(100)).reveal();
    assert_eq!(
        house.redeem(&client, &late, at(160)).unwrap_err(),
        GrantError::Invalid
    );
}

#[test]
fn a_code_is_bound_to_its_app_address_and_verifier() {
    let (mut house, client) = House::with("patient/*.rs");
    let other = house.public("other", "patient/*.rs");
    let code = house.code("patient/*.rs", at(0)).reveal();
    assert_eq!(
        house.redeem(&other, &code, at(1)).unwrap_err(),
        GrantError::Invalid
    );
    assert!(
        house.redeem(&client, &code, at(2)).is_ok(),
        "another app does not use it up"
    );
    for (redirect, verifier, wanted) in [
        ("https://app.example/done/", VERIFIER, GrantError::Redirect),
        (REDIRECT, "", GrantError::Verifier),
        (
            REDIRECT,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX",
            GrantError::Verifier,
        ),
        (REDIRECT, "short", GrantError::Verifier),
    ] {
        let code = house.code("patient/*.rs", at(3)).reveal();
        let given = (code.as_str(), redirect, verifier);
        let tried = house
            .grants
            .redeem(&house.storage, &mut house.entropy, &client, given, at(4));
        assert_eq!(tried.unwrap_err(), wanted, "{redirect} {verifier}");
        assert!(house.redeem(&client, &code, at(5)).is_err(), "used up");
    }
    assert!(house.redeem(&client, "forged", at(5)).is_err());
    assert!(Challenge::parse("plain").is_none() && Challenge::parse(VERIFIER).is_some());
}

#[test]
fn refresh_tokens_rotate_and_a_second_use_ends_all() {
    let (mut house, client) = House::with("patient/*.rs offline_access");
    let code = house.code("patient/*.rs offline_access", at(0)).reveal();
    let first = house.redeem(&client, &code, at(1)).unwrap();
    let old = first.refresh.unwrap().reveal();
    assert!(
        house
            .grants
            .look(&old, at(2))
            .is_some_and(|access| !access.is_access)
    );
    let second = house.refresh(&client, &old, false, at(3_600)).unwrap();
    let new = second.refresh.unwrap().reveal();
    assert!(!house.opens(&first.access, at(3_600)) && house.opens(&second.access, at(3_600)));
    assert_eq!(
        house.refresh(&client, &old, false, at(3_700)).unwrap_err(),
        GrantError::Reused
    );
    assert!(!house.opens(&second.access, at(3_701)));
    assert_eq!(
        house.refresh(&client, &new, false, at(3_702)).unwrap_err(),
        GrantError::Invalid
    );
}

#[test]
fn refresh_asks_for_no_more_and_ends_after_its_time() {
    let (mut house, client) = House::with("patient/*.rs offline_access");
    let code = house.code("patient/*.r offline_access", at(0)).reveal();
    let token = house
        .redeem(&client, &code, at(1))
        .unwrap()
        .refresh
        .unwrap()
        .reveal();
    let ask = |house: &mut House, token: &str, scopes: &str| {
        let fewer = Scopes::parse(scopes).0;
        let given = (token, Some(&fewer));
        house.grants.refresh(
            &house.storage,
            &mut house.entropy,
            &client,
            given,
            &|_| false,
            at(2),
        )
    };
    assert_eq!(
        ask(&mut house, &token, "patient/*.rs").unwrap_err(),
        GrantError::Scope
    );
    let fewer = ask(&mut house, &token, "patient/Observation.r").unwrap();
    let access = house.grants.look(&fewer.access.reveal(), at(3)).unwrap();
    assert_eq!(access.scopes.to_string(), "patient/Observation.r");
    let next = fewer.refresh.unwrap().reveal();
    let month = 30 * 24 * 3600;
    assert_eq!(
        house.refresh(&client, &next, true, at(month + 2)).unwrap_err(),
        GrantError::Invalid
    );
}

#[test]
fn online_access_lasts_as_long_as_the_session() {
    let (mut house, client) = House::with("patient/*.rs online_access");
    let code = house.code("patient/*.rs online_access", at(0)).reveal();
    let token = house
        .redeem(&client, &code, at(1))
        .unwrap()
        .refresh
        .unwrap()
        .reveal();
    let next = house
        .refresh(&client, &token, true, at(2))
        .unwrap()
        .refresh
        .unwrap()
        .reveal();
    assert_eq!(
        house.refresh(&client, &next, false, at(3)).unwrap_err(),
        GrantError::Invalid
    );
}

#[test]
fn a_clock_set_back_opens_nothing() {
    let (mut house, client) = House::with("patient/*.rs offline_access");
    let code = house.code("patient/*.rs offline_access", at(0)).reveal();
    let tokens = house.redeem(&client, &code, at(1)).unwrap();
    assert!(!house.opens(&tokens.access, at(-3_600)), "issued in the future");
    let refresh = tokens.refresh.unwrap().reveal();
    assert_eq!(
        house.refresh(&client, &refresh, true, at(-3_600)).unwrap_err(),
        GrantError::Invalid
    );
    let mut again = Grants::load(&house.storage).unwrap();
    assert!(
        again.look(&tokens.access.reveal(), at(2)).is_some(),
        "after a restart"
    );
    assert_eq!(again.end_all(&house.storage).unwrap(), 1);
    assert!(again.look(&tokens.access.reveal(), at(2)).is_none());
}

#[test]
fn revoked_and_ended_tokens_open_nothing() {
    let (mut house, client) = House::with("patient/*.rs offline_access");
    let other = house.public("other", "patient/*.rs");
    let code = house.code("patient/*.rs offline_access", at(0)).reveal();
    let tokens = house.redeem(&client, &code, at(1)).unwrap();
    let refresh = tokens.refresh.unwrap().reveal();
    let revoke = |house: &mut House, app: &Client, token: &str| {
        house
            .grants
            .revoke(&house.storage, &app.app.id, token, at(2))
            .unwrap()
            .is_some()
    };
    assert!(!revoke(&mut house, &other, &refresh), "not another app's");
    assert!(house.opens(&tokens.access, at(2)));
    assert!(revoke(&mut house, &client, &refresh));
    assert!(!house.opens(&tokens.access, at(2)));
    let code = house.code("patient/*.rs", at(0)).reveal();
    let tokens = house.redeem(&client, &code, at(1)).unwrap();
    let own = house.grants.of_person(&user_id("sato"), at(2));
    assert_eq!(own.len(), 1);
    assert!(
        !house
            .grants
            .withdraw(&house.storage, &user_id("suzuki"), &own[0].0)
            .unwrap()
    );
    assert!(
        house
            .grants
            .withdraw(&house.storage, &user_id("sato"), &own[0].0)
            .unwrap()
    );
    assert!(!house.opens(&tokens.access, at(2)));
}

#[test]
fn a_launch_is_its_apps_and_its_persons() {
    let (mut house, _) = House::with("launch patient/*.rs");
    let (app, sato) = (app_id("chart"), user_id("sato"));
    let offered = house
        .grants
        .offer_launch(
            &house.storage,
            &mut house.entropy,
            (&app, &sato),
            (PatientId::new(3), None),
            at(0),
        )
        .unwrap()
        .reveal();
    let there = |house: &House, app: &AppId, name: &str, now| {
        house
            .grants
            .launch(&offered, app, &user_id(name), at(now))
            .is_some()
    };
    assert!(there(&house, &app, "sato", 299));
    assert!(!there(&house, &app, "sato", 300) && !there(&house, &app, "sato", -1));
    assert!(!there(&house, &app, "suzuki", 1) && !there(&house, &app_id("other"), "sato", 1));
    house
        .grants
        .take_launch(&house.storage, &offered, &app, &sato, at(2))
        .unwrap();
    assert!(!there(&house, &app, "sato", 3));
    assert_eq!(
        house
            .grants
            .take_launch(&house.storage, &offered, &app, &sato, at(3)),
        Err(GrantError::Invalid)
    );
}

/// An app with keys, and a hand that signs for it.
struct Signer(EcdsaKeyPair, SystemRandom);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self(pair, random)
    }

    fn set(&self) -> String {
        let point = self.0.public_key().as_ref();
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..49]),
            URL_SAFE_NO_PAD.encode(&point[49..]),
        );
        serde_json::json!({"keys": [{"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": "k1"}]}).to_string()
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = serde_json::json!({"alg": "ES384", "kid": "k1", "typ": "JWT"});
        let text = format!("{}.{}", part(&head), part(claims));
        let signature = self.0.sign(&self.1, text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

#[test]
fn an_assertion_is_believed_once_and_for_five_minutes() {
    let mut house = House::new();
    let signer = Signer::new();
    let new = NewApp {
        redirects: Vec::new(),
        account: Some(user_id("quality")),
        ..new_app("backend", "system/*.rs", NewAuthentication::Keys(signer.set()))
    };
    assert!(
        house
            .apps
            .register(&house.storage, &mut house.entropy, new, at(0))
            .unwrap()
            .is_none()
    );
    let now = at(0).get();
    let good = serde_json::json!({"iss": "backend", "sub": "backend", "aud": AUDIENCE, "exp": now + 300, "jti": "a"});
    let ask = |house: &House, assertion: &str| {
        house.apps.authenticate(
            &app_id("backend"),
            Given::Assertion(assertion),
            &[AUDIENCE.to_owned()],
            at(0),
        )
    };
    for (name, value) in [
        ("iss", "other".into()),
        ("sub", "other".into()),
        ("aud", "https://elsewhere.example/token".into()),
        ("exp", serde_json::json!(now)),
        ("exp", serde_json::json!(now + 331)),
        ("exp", "soon".into()),
        ("iat", serde_json::json!(now + 31)),
        ("jti", "".into()),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(
            ask(&house, &signer.sign(&claims)).unwrap_err(),
            ClientError::Claim(name),
            "{claims}"
        );
    }
    let forged = Signer::new().sign(&good);
    assert_eq!(
        ask(&house, &forged).unwrap_err(),
        ClientError::Assertion(JwtError::Signature)
    );
    let nothing = house
        .apps
        .authenticate(&app_id("backend"), Given::Nothing, &[], at(0));
    assert_eq!(nothing.unwrap_err(), ClientError::Method);
    let client = ask(&house, &signer.sign(&good)).unwrap();
    house
        .grants
        .accept_assertion(&house.storage, &client, at(0))
        .unwrap();
    assert_eq!(
        house.grants.accept_assertion(&house.storage, &client, at(1)),
        Err(GrantError::Replayed)
    );
    let mut again = Grants::load(&house.storage).unwrap();
    assert_eq!(
        again.accept_assertion(&house.storage, &client, at(2)),
        Err(GrantError::Replayed),
        "after a restart"
    );
    assert_eq!(
        again.accept_assertion(&house.storage, &client, at(3_700)),
        Err(GrantError::Replayed),
        "an hour later"
    );
    let scopes = Scopes::parse("system/Observation.rs").0;
    let tokens = again
        .for_backend(&house.storage, &mut house.entropy, &client, scopes, at(3))
        .unwrap();
    assert!(tokens.refresh.is_none());
    let access = again.look(&tokens.access.reveal(), at(302)).unwrap();
    assert_eq!(
        (access.grant.user, access.grant.personal),
        (user_id("quality"), false)
    );
    assert!(again.look(&tokens.access.reveal(), at(303)).is_none());
}

#[test]
fn what_is_registered_is_whole() {
    let mut house = House::new();
    let mut check = |new: NewApp, wanted: AppError| {
        let tried = house
            .apps
            .register(&house.storage, &mut house.entropy, new, at(0));
        assert_eq!(tried.unwrap_err(), wanted);
    };
    let public = || new_app("chart", "patient/*.rs", NewAuthentication::Public);
    check(
        NewApp {
            name: " ".to_owned(),
            ..public()
        },
        AppError::Name,
    );
    check(
        NewApp {
            redirects: Vec::new(),
            ..public()
        },
        AppError::Redirects,
    );
    let plain = "http://app.example/done".to_owned();
    check(
        NewApp {
            redirects: vec![plain.clone()],
            ..public()
        },
        AppError::Address(plain),
    );
    check(
        NewApp {
            scopes: Scopes::parse("system/*.rs").0,
            ..public()
        },
        AppError::System,
    );
    check(
        NewApp {
            scopes: Scopes::default(),
            ..public()
        },
        AppError::Scopes("-".to_owned()),
    );
}

#[test]
fn a_secret_is_drawn_and_a_disabled_app_is_shut_out() {
    let mut house = House::new();
    let new = new_app("chart", "patient/*.rs", NewAuthentication::Secret);
    let secret = house
        .apps
        .register(&house.storage, &mut house.entropy, new.clone(), at(0))
        .unwrap()
        .unwrap()
        .reveal();
    let taken = house
        .apps
        .register(&house.storage, &mut house.entropy, new, at(0));
    assert_eq!(taken.unwrap_err(), AppError::Taken(app_id("chart")));
    let ask = |apps: &Apps, given| {
        apps.authenticate(&app_id("chart"), given, &[], at(1))
            .map(|client| client.confidential)
    };
    assert_eq!(ask(&house.apps, Given::Secret(&secret)), Ok(true));
    assert_eq!(ask(&house.apps, Given::Secret("guess")), Err(ClientError::Secret));
    assert_eq!(ask(&house.apps, Given::Nothing), Err(ClientError::Method));
    let mut again = Apps::load(&house.storage).unwrap();
    assert_eq!(ask(&again, Given::Secret(&secret)), Ok(true), "after a restart");
    again.switch(&house.storage, &app_id("chart"), false).unwrap();
    assert_eq!(ask(&again, Given::Secret(&secret)), Err(ClientError::Unknown));
    assert_eq!(
        again.switch(&house.storage, &app_id("no"), true),
        Err(AppError::NotFound(app_id("no")))
    );
}

#[test]
fn an_account_stays_with_its_person() {
    use tsumugi_access::{Federation, FederationError};
    let storage = MemoryStorage::default();
    let mut federation = Federation::load(&storage).unwrap();
    let sato = user_id("sato");
    federation
        .bind(&storage, &sato, ("https://id.example", "17"))
        .unwrap();
    let mut again = Federation::load(&storage).unwrap();
    again.bind(&storage, &sato, ("https://id.example", "17")).unwrap();
    assert_eq!(
        again.bind(&storage, &sato, ("https://id.example", "18")),
        Err(FederationError::OtherPerson)
    );
    assert_eq!(
        again.bind(&storage, &sato, ("https://other.example", "17")),
        Err(FederationError::OtherPerson)
    );
    assert_eq!(
        again.bind(&storage, &sato, ("https://id.example", "")),
        Err(FederationError::Subject)
    );
    assert!(again.unbind(&storage, &sato).unwrap());
    again.bind(&storage, &sato, ("https://id.example", "18")).unwrap();
}
