//! Two people approve, the job removes, and the trail tells it.

use super::*;
use crate::access::Setting;
use tsumugi_access::Cost;
use tsumugi_clinical::Sex;
use tsumugi_coding::Coder;
use tsumugi_records::{KeyTrust, Moment, PatientDetails, PatientId};

const PASSWORD: &str = "kiri-no-naka-7:bashi";

struct Site {
    store: Store,
    gate: Gate,
    classes: Classes,
    coder: Coder,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let store = Store::open_in_memory().unwrap();
        let setting = Setting {
            cost: Cost {
                memory_kib: 8,
                passes: 1,
            },
            ..Setting::default()
        };
        let gate = Gate::open(&store, setting).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            classes: Classes::of(folder.path()).unwrap(),
            store,
            gate,
            coder: Coder::without_tagger().unwrap(),
            folder,
        };
        for (name, role) in [
            ("kanri", "records-manager"),
            ("jouhou", "privacy-officer"),
            ("sato", "physician"),
        ] {
            let user = site
                .gate
                .user((name, name), (role, "internal"), BTreeSet::new())
                .unwrap();
            let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
            let link = site.gate.add(&site.store, user, entry).unwrap().reveal();
            site.gate
                .set_password_by_link(&site.store, &link, PASSWORD)
                .unwrap();
        }
        site
    }

    /// A patient with a note of 2015 whose course ended then.
    fn past(&self, population: Population, number: &str) -> (PatientId, i64) {
        let details = PatientDetails {
            number: number.to_owned(),
            name: "Test".to_owned(),
            kana: String::new(),
            sex: Sex::Female,
            birth_date: None,
        };
        let old = Moment::parse("2015-03-01T10:00").unwrap();
        let stamp = Stamp {
            author: "sato".to_owned(),
            at: old.clone(),
        };
        let id = self
            .store
            .create_patient(population, details, stamp.clone())
            .unwrap();
        let signing = chart::Signing {
            target: chart::new_note(id, None, "progress"),
            author: "sato".to_owned(),
            text: "CRP 12.5".to_owned(),
            written_at: old.civil(),
            signed_at: old.civil(),
            key: None,
            draft: None,
            structured: None,
            name: None,
            on_behalf_of: None,
            entry: None,
        };
        let patient = self.store.patient(id).unwrap();
        let document = chart::sign(&self.coder, &self.store, &patient, signing)
            .unwrap()
            .document;
        self.store
            .set_course_end(id, Some("2015-03-31".parse().unwrap()), "", stamp)
            .unwrap();
        (id, document.get())
    }

    fn approve(&self, user: &str, password: &str, documents: &[i64]) -> anyhow::Result<Vec<DocumentId>> {
        approve(
            &self.store,
            &self.gate,
            &self.classes,
            (user, (password, "")),
            documents,
        )
    }

    fn remove(&self, documents: &[i64]) -> anyhow::Result<Vec<DocumentId>> {
        remove(&self.store, &self.classes, documents)
    }
}

#[test]
fn two_accounts_that_oversee_approve_and_the_job_removes() {
    let site = Site::new();
    let (id, document) = site.past(Population::Real, "1");
    assert!(site.remove(&[]).unwrap().is_empty(), "nobody approved");
    assert!(site.approve("kanri", "not it", &[document]).is_err());
    let refused = site
        .approve("sato", PASSWORD, &[document])
        .unwrap_err()
        .to_string();
    assert!(refused.contains("oversee"), "{refused}");
    assert_eq!(site.approve("kanri", PASSWORD, &[document]).unwrap().len(), 1);
    assert!(site.approve("kanri", PASSWORD, &[document]).is_err(), "twice");
    assert!(
        site.remove(&[document])
            .unwrap_err()
            .to_string()
            .contains("1 of two")
    );
    site.approve("jouhou", PASSWORD, &[document]).unwrap();
    assert_eq!(site.remove(&[document]).unwrap().len(), 1);
    assert!(site.store.document(DocumentId::new(document)).is_err());
    let stone = site.store.tombstones().unwrap().remove(0);
    assert_eq!(
        (stone.class.as_str(), stone.approved),
        ("record", ["jouhou".to_owned(), "kanri".to_owned()])
    );
    let entries = site.store.who_looked(id, None, 100).unwrap();
    let last = &entries[0].entry;
    assert_eq!(last.subtype, AuditSubtype::Delete);
    let report = site.store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
    assert!(
        site.gate
            .with(|inner, now| inner.sessions.list(None, now))
            .is_empty(),
        "no session stays open"
    );
}

#[test]
fn dummies_among_the_documents_stop_everything() {
    let site = Site::new();
    let (_, real) = site.past(Population::Real, "1");
    let (_, dummy) = site.past(Population::Dummy, "2");
    for refused in [
        site.approve("kanri", PASSWORD, &[real, dummy]),
        site.remove(&[real, dummy]),
    ] {
        assert!(refused.unwrap_err().to_string().contains("dummy"));
    }
    assert!(site.store.kept_documents().unwrap()[0].approvals.is_empty());
}

#[test]
fn a_clock_behind_what_was_written_stops_the_job() {
    let site = Site::new();
    let (_, document) = site.past(Population::Real, "1");
    for user in ["kanri", "jouhou"] {
        site.approve(user, PASSWORD, &[document]).unwrap();
    }
    // Somebody has written in a time that has not come: the clock was set back since.
    let mut ahead = audit::of_name("test", AuditSubtype::Read).unwrap();
    ahead.at = Moment::parse("2999-01-01T00:00:00Z").unwrap();
    site.store.audit_read(&ahead).unwrap();
    let refused = site.remove(&[document]).unwrap_err().to_string();
    assert!(refused.contains("clock"), "{refused}");
    assert!(site.store.document(DocumentId::new(document)).is_ok());
}

#[test]
fn a_site_that_keeps_longer_takes_back_what_was_approved() {
    let site = Site::new();
    let (_, document) = site.past(Population::Real, "1");
    for user in ["kanri", "jouhou"] {
        site.approve(user, PASSWORD, &[document]).unwrap();
    }
    std::fs::write(
        site.folder.path().join("retention.tsv"),
        "class\tyears\nrecord\t8\n",
    )
    .unwrap();
    let longer = Classes::of(site.folder.path()).unwrap();
    let refused = remove(&site.store, &longer, &[document]).unwrap_err().to_string();
    assert!(refused.contains("0 of two"), "{refused}");
}
