#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use super::{Original, Target, Worker, decide, original, stamp};
use crate::chart::{self, Signing};
use crate::import::readers;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tsumugi_clinical::Sex;
use tsumugi_coding::Coder;
use tsumugi_exchange::hl7v2::{Answer, Frame, Framer, acknowledge, frame};
use tsumugi_exchange::incoming::{Handed, Incoming, Standard, Standing};
use tsumugi_records::{
    DeliveryOutcome, DocumentId, PatientDetails, PatientId, Population, Store, Target as Signed,
};

static CODER: LazyLock<Coder> = LazyLock::new(|| Coder::without_tagger().unwrap());

fn patient(store: &Store, population: Population) -> PatientId {
    let details = PatientDetails {
        number: "0123456".to_owned(),
        name: "試験 花子".to_owned(),
        kana: "シケン ハナコ".to_owned(),
        sex: Sex::Female,
        birth_date: Some("1950-02-28".parse().unwrap()),
    };
    store.create_patient(population, details, stamp("mori")).unwrap()
}

fn sign(
    store: &Store,
    patient: PatientId,
    text: &str,
    of: Option<DocumentId>,
    on_behalf_of: Option<&str>,
) -> DocumentId {
    let target = match of {
        None => chart::new_note(patient, None, "progress"),
        Some(document) => Signed::Version {
            document,
            expected: u32::try_from(store.document_versions(document).unwrap().len()).unwrap(),
            reason: tsumugi_records::VersionReason::Addendum,
        },
    };
    let signing = Signing {
        target,
        author: "mori".to_owned(),
        text: text.to_owned(),
        written_at: "2026-11-28T10:00".parse().unwrap(),
        signed_at: "2026-11-28T10:05".parse().unwrap(),
        key: None,
        draft: None,
        structured: None,
        name: None,
        entry: None,
        on_behalf_of: on_behalf_of.map(str::to_owned),
    };
    let record = store.patient(patient).unwrap();
    chart::sign(&CODER, store, &record, signing).unwrap().document
}

fn worker(store: &Store, target: Target) -> Worker {
    store.deliver_to(target.name(), stamp("test")).unwrap();
    let names = |account: &str| format!("医師 {account}");
    Worker::new(
        target,
        "urn:oid:1.2.392.100495.20.3.51.1131234567".to_owned(),
        Box::new(names),
    )
}

/// Everything a storage holds, as our own reader reads it.
fn read(root: &Path) -> Vec<Incoming> {
    let mut found = Vec::new();
    let reader = readers::of(Standard::Ssmix2);
    crate::import::files::walk(root, &mut |file| {
        let file = file.unwrap();
        let origin = readers::Origin {
            file: file.name,
            ..readers::Origin::default()
        };
        let bytes = std::fs::read(file.path).unwrap();
        reader(&origin, &mut &*bytes, &mut |handed| {
            match handed {
                Handed::Statement(incoming) => found.push(*incoming),
                Handed::Problem(problem) => panic!("{problem}"),
                Handed::Dead { problem, .. } => panic!("{problem}"),
            }
            true
        })
        .unwrap();
        true
    });
    found
}

#[test]
fn a_signed_note_stands_in_the_storage_as_our_own_reader_reads_it() {
    let (store, root) = (Store::open_in_memory().unwrap(), tempfile::tempdir().unwrap());
    let who = patient(&store, Population::Real);
    sign(&store, who, "前から書かれた記録。", None, None);
    let mut worker = worker(
        &store,
        Target::parse(&format!("ssmix2:{}", root.path().display()), None).unwrap(),
    );
    let text = "発熱と咳嗽。BT39.2。\n「Ⅲ度」|^~\\&を含む。";
    let document = sign(&store, who, text, None, None);
    worker.look(&store, Instant::now()).unwrap();
    let found = read(root.path());
    assert_eq!(found.len(), 1, "what was signed before is not sent");
    let one = &found[0];
    assert_eq!(
        (one.person.number.as_str(), one.standing),
        ("0123456", Standing::Valid)
    );
    assert_eq!(one.person.name.as_deref(), Some("試験 花子"));
    assert_eq!(one.texts.len(), 1);
    assert_eq!(one.texts[0].text, text);
    assert_eq!(one.texts[0].author.as_deref(), Some("医師 mori"));
    assert_eq!(one.texts[0].kind.as_ref().unwrap().code.as_ref(), "11506-3");
    let sent = store.deliveries(document).unwrap();
    assert_eq!((sent.len(), sent[0].outcome), (1, DeliveryOutcome::Delivered));
    // Nothing is sent twice, and a new version replaces the old one.
    worker.look(&store, Instant::now()).unwrap();
    assert_eq!(store.deliveries(document).unwrap().len(), 1);
    sign(&store, who, &format!("{text}\n追記。"), Some(document), None);
    worker.look(&store, Instant::now()).unwrap();
    let found = read(root.path());
    let standings: Vec<Standing> = found.iter().map(|one| one.standing).collect();
    assert_eq!(found.len(), 2);
    assert!(
        standings.contains(&Standing::Valid) && standings.contains(&Standing::Superseded),
        "{standings:?}"
    );
}

#[test]
fn dummies_and_what_waits_for_its_physician_do_not_go() {
    let (store, root) = (Store::open_in_memory().unwrap(), tempfile::tempdir().unwrap());
    let mut worker = worker(&store, Target::Storage(root.path().to_owned()));
    let dummy = patient(&store, Population::Dummy);
    sign(&store, dummy, "発熱。", None, None);
    let who = patient(&store, Population::Real);
    let entered = sign(&store, who, "咳嗽。", None, Some("sato"));
    worker.look(&store, Instant::now()).unwrap();
    assert_eq!(read(root.path()), []);
    store.confirm(entered, 1, stamp("sato")).unwrap();
    worker.look(&store, Instant::now()).unwrap();
    let found = read(root.path());
    assert_eq!(found.len(), 1);
    // Who answers for it is its author there, not who typed it.
    assert_eq!(found[0].texts[0].author.as_deref(), Some("医師 sato"));
}

#[test]
fn a_storage_that_is_away_loses_nothing() {
    let (store, root) = (Store::open_in_memory().unwrap(), tempfile::tempdir().unwrap());
    let place = root.path().join("mounted");
    let mut worker = worker(&store, Target::Storage(place.clone()));
    let who = patient(&store, Population::Real);
    let document = sign(&store, who, "発熱。", None, None);
    let now = Instant::now();
    worker.look(&store, now).unwrap();
    let first = &store.deliveries(document).unwrap()[0];
    assert_eq!(first.outcome, DeliveryOutcome::Failed);
    assert!(
        first.answer.contains("not there") && !place.exists(),
        "{}",
        first.answer
    );
    assert_eq!(store.undelivered(10).unwrap().len(), 1);
    // It waits before it tries again.
    worker.look(&store, now + Duration::from_secs(1)).unwrap();
    assert_eq!(store.deliveries(document).unwrap().len(), 1);
    std::fs::create_dir(&place).unwrap();
    worker.look(&store, now + Duration::from_secs(60)).unwrap();
    assert_eq!(read(&place).len(), 1);
    assert_eq!(store.undelivered(10).unwrap(), []);
}

#[test]
fn a_record_with_a_foreign_number_alone_does_not_go_as_somebody_of_this_site() {
    let (store, root) = (Store::open_in_memory().unwrap(), tempfile::tempdir().unwrap());
    let mut worker = worker(&store, Target::Storage(root.path().to_owned()));
    let own = patient(&store, Population::Real);
    let details = PatientDetails {
        number: "0123456@urn:elsewhere".to_owned(),
        ..store.patient(own).unwrap().details
    };
    let foreign = store
        .create_patient(Population::Real, details, stamp("mori"))
        .unwrap();
    let document = sign(&store, foreign, "発熱。", None, None);
    worker.look(&store, Instant::now()).unwrap();
    assert_eq!(read(root.path()), []);
    let tried = &store.deliveries(document).unwrap()[0];
    assert_eq!(tried.outcome, DeliveryOutcome::Refused);
    // Linked with the hospital's own record it goes under that one's number.
    store.link_patients(foreign, own, "same", stamp("mori")).unwrap();
    store.deliver_again(document).unwrap();
    worker.look(&store, Instant::now()).unwrap();
    assert_eq!(read(root.path())[0].person.number, "0123456");
}

/// A peer that answers one message after the other as it is told, and gives back what came.
fn peer(answers: Vec<Option<Answer>>) -> (u16, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut came = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let message = message(&mut stream);
            if let Some(answer) = answer {
                let now = "2026-11-28T10:06".parse().unwrap();
                let told = acknowledge(&message, answer, &[], now, "A1");
                stream.write_all(&frame(&told)).unwrap();
            }
            came.push(message);
        }
        came
    });
    (port, thread)
}

fn message(stream: &mut TcpStream) -> Vec<u8> {
    let (mut framer, mut buffer) = (Framer::new(1 << 20), [0; 1024]);
    loop {
        let many = stream.read(&mut buffer).unwrap();
        for part in framer.push(&buffer[..many]) {
            if let Frame::Message(message) = part {
                return message;
            }
        }
        assert_ne!(many, 0);
    }
}

#[test]
fn a_message_is_sent_until_it_is_acknowledged_under_one_number() {
    let store = Store::open_in_memory().unwrap();
    let answers = vec![
        None,
        Some(Answer::Rejected),
        Some(Answer::Accepted),
        Some(Answer::Error),
    ];
    let (port, thread) = peer(answers);
    let mut worker = worker(
        &store,
        Target::parse(&format!("mdm:127.0.0.1:{port}"), None).unwrap(),
    );
    let who = patient(&store, Population::Real);
    let document = sign(&store, who, "発熱。", None, None);
    let mut now = Instant::now();
    for _ in 0..3 {
        worker.look(&store, now).unwrap();
        now += Duration::from_secs(3600);
    }
    let outcomes = |document| -> Vec<DeliveryOutcome> {
        let tries = store.deliveries(document).unwrap();
        tries.into_iter().map(|one| one.outcome).collect()
    };
    assert_eq!(
        outcomes(document),
        [
            DeliveryOutcome::Failed,
            DeliveryOutcome::Failed,
            DeliveryOutcome::Delivered
        ]
    );
    // What is refused is listed, not tried again by itself, and goes again when somebody says so.
    let refused = sign(&store, who, "咳嗽。", None, None);
    for _ in 0..2 {
        worker.look(&store, now).unwrap();
        now += Duration::from_secs(3600);
    }
    assert_eq!(outcomes(refused), [DeliveryOutcome::Refused]);
    assert_eq!(store.undelivered(10).unwrap()[0].document, refused);
    assert!(
        store.deliver_again(document).is_err(),
        "there is nobody who does not have it"
    );
    store.deliver_again(refused).unwrap();
    assert_eq!(store.due_deliveries(&worker.name, 10).unwrap().len(), 1);
    assert!(store.deliver_again(DocumentId::new(99)).is_err());
    let came = thread.join().unwrap();
    let control = |message: &[u8]| {
        String::from_utf8_lossy(message)
            .split('|')
            .nth(9)
            .unwrap()
            .to_owned()
    };
    assert_eq!(control(&came[0]), control(&came[2]));
    assert_ne!(control(&came[2]), control(&came[3]));
}

#[test]
fn targets_are_refused_with_what_is_wanted_and_the_original_is_kept() {
    let told = |text: &str| format!("{:#}", Target::parse(text, None).unwrap_err());
    assert!(told("pdf:/tmp").contains("ssmix2:DIR"));
    assert!(told("ssmix2:/there/is/no/such").contains("no such folder"));
    assert!(told("mdm:10.0.0.1:2575").contains("TLS"));
    assert!(told("mdm:10.0.0.1").contains("HOST:PORT"));
    assert!(matches!(
        Target::parse("mdm:[::1]:2575", None),
        Ok(Target::Mdm(_))
    ));
    assert!(Target::parse("mdm:10.0.0.1:2575", Some(&PathBuf::from("/no"))).is_err());
    let store = Store::open_in_memory().unwrap();
    assert_eq!(original(&store).unwrap(), None);
    for said in [Original::Hospital, Original::Hospital, Original::Tsumugi] {
        decide(&store, Some(said)).unwrap();
        assert_eq!(original(&store).unwrap(), Some(said));
    }
    decide(&store, None).unwrap();
    assert_eq!(store.decisions("site", Some("original")).unwrap().len(), 2);
}
