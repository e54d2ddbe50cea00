//! Emergency access.
#![expect(clippy::non_ascii_literal, reason = "reasons as people type them")]

use crate::support::{at, kind, minutes, patient, subject, user_id};
use std::collections::BTreeSet;
use std::time::Duration;
use tsumugi_access::{
    Action, DocumentFacts, Emergencies, EmergencyAccess, EmergencyError, MemoryStorage, PatientFacts,
    PatientId, Policy, PolicyText, Request, Resource, Review, Subject,
};

const REASON: &str = "意識障害で搬送、既往を確認";

struct Ward {
    storage: MemoryStorage,
    policy: Policy,
    emergencies: Emergencies,
}

impl Ward {
    fn new() -> Self {
        let storage = MemoryStorage::default();
        let policy = Policy::read(&PolicyText::default()).unwrap();
        let emergencies = Emergencies::load(&storage).unwrap();
        Self {
            storage,
            policy,
            emergencies,
        }
    }

    fn open(
        &mut self,
        role: &str,
        patient: &PatientFacts,
        reason: &str,
        lasts: Duration,
    ) -> Result<EmergencyAccess, EmergencyError> {
        let subject = subject("sato", role);
        self.emergencies.open(
            &self.storage,
            &self.policy,
            &subject,
            patient,
            (reason, lasts),
            at(0),
        )
    }

    fn allows(&self, subject: &Subject, action: Action, resource: Resource<'_>) -> bool {
        let request = Request {
            subject,
            action,
            resource,
        };
        self.policy.is_allowed(&request).allowed
    }
}

#[test]
fn it_opens_one_record_for_one_user_for_its_time() {
    let mut ward = Ward::new();
    let (one, other) = (patient(1, "neurology"), patient(2, "neurology"));
    let opened = ward
        .open("physician", &one, &format!("  {REASON} "), minutes(60))
        .unwrap();
    assert_eq!(opened.reason, REASON);
    let emergencies = Emergencies::load(&ward.storage).unwrap();
    let reads = |user: &str, facts: &PatientFacts, now: i64| {
        let mut subject = subject(user, "physician");
        subject.emergencies = emergencies.open_for(&subject.user.id, at(now));
        ward.allows(&subject, Action::Read, Resource::Patient(facts))
    };
    assert!(reads("sato", &one, 0));
    assert!(reads("sato", &one, 3599));
    assert!(!reads("sato", &one, 3600));
    assert!(!reads("sato", &one, -1));
    assert!(!reads("sato", &other, 0));
    assert!(!reads("mori", &one, 0));
}

#[test]
fn reason_and_time_are_held() {
    let mut ward = Ward::new();
    let one = patient(1, "neurology");
    for reason in [
        "",
        "急変",
        "        ",
        "ああああああああ",
        "........",
        &"長い理由".repeat(200),
    ] {
        let refused = ward.open("physician", &one, reason, minutes(30));
        assert_eq!(refused, Err(EmergencyError::Reason), "{reason}");
    }
    for lasts in [
        Duration::ZERO,
        Duration::from_millis(10),
        Duration::from_secs(3601),
    ] {
        let refused = ward.open("physician", &one, REASON, lasts);
        assert_eq!(refused, Err(EmergencyError::TooLong));
    }
    for role in ["clerk", "administrator", "records-manager", "setup", "nobody"] {
        let refused = ward.open(role, &one, REASON, minutes(30));
        assert!(matches!(refused, Err(EmergencyError::NotAllowed(_))), "{role}");
    }
    let mut own = one.clone();
    own.own_account = Some(user_id("sato"));
    assert!(ward.open("physician", &own, REASON, minutes(30)).is_err());
    assert!(ward.emergencies.list().is_empty());
}

#[test]
fn it_never_opens_administration_nor_export() {
    let ward = Ward::new();
    let facts = patient(1, "neurology");
    let document = DocumentFacts {
        id: None,
        patient: facts.clone(),
        labels: BTreeSet::new(),
        kind: kind("progress"),
        author: user_id("mori"),
        signed: true,
        responsible: None,
    };
    for role in ward.policy.roles() {
        let before = subject("sato", role.as_str());
        let mut during = before.clone();
        during.emergencies = (0..10).map(PatientId::new).collect();
        for action in Action::ALL.into_iter().filter(|action| action.is_on_system()) {
            let ask = |subject| ward.allows(subject, action, Resource::System);
            assert_eq!(ask(&before), ask(&during), "{role} {action:?}");
        }
        for action in [Action::Export, Action::Restrict] {
            for resource in [Resource::Patient(&facts), Resource::Document(&document)] {
                let ask = |subject| ward.allows(subject, action, resource);
                assert_eq!(ask(&before), ask(&during), "{role} {action:?}");
            }
        }
    }
}

#[test]
fn it_is_closed_listed_and_reviewed_by_somebody_else() {
    let mut ward = Ward::new();
    let first = ward
        .open("nurse", &patient(1, "neurology"), REASON, minutes(60))
        .unwrap();
    let second = ward
        .open("nurse", &patient(2, "neurology"), REASON, minutes(60))
        .unwrap();
    let Ward {
        storage, emergencies, ..
    } = &mut ward;
    let (sato, mori) = (user_id("sato"), user_id("mori"));
    assert_eq!(
        emergencies.close(storage, &mori, first.id, at(60)),
        Err(EmergencyError::NotFound)
    );
    assert_eq!(emergencies.close(storage, &sato, first.id, at(60)), Ok(true));
    assert_eq!(emergencies.close(storage, &sato, first.id, at(61)), Ok(false));
    assert_eq!(
        emergencies.open_for(&sato, at(62)),
        BTreeSet::from([PatientId::new(2)])
    );
    let review = |reviewer| Review {
        reviewer,
        at: at(100),
        justified: true,
        note: "カルテで確認".to_owned(),
    };
    assert_eq!(emergencies.to_review().len(), 2);
    assert_eq!(
        emergencies.review(storage, second.id, review(sato.clone())),
        Err(EmergencyError::OwnReview)
    );
    assert_eq!(
        emergencies.review(storage, second.id, review(mori.clone())),
        Ok(())
    );
    assert_eq!(
        emergencies.review(storage, second.id, review(mori)),
        Err(EmergencyError::Reviewed)
    );
    let ids: Vec<u32> = emergencies
        .to_review()
        .iter()
        .map(|access| access.id.get())
        .collect();
    assert_eq!(ids, [1]);
    emergencies.end_all(storage, at(100)).unwrap();
    assert!(
        Emergencies::load(storage)
            .unwrap()
            .open_for(&sato, at(100))
            .is_empty()
    );
}
