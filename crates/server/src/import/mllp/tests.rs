use super::*;
use tokio::net::TcpStream;
use tsumugi_records::{KeyTrust, Store};

#[test]
fn what_could_not_be_kept_is_rejected_and_not_called_wrong() {
    let message = b"MSH|^~\\&|LAB|HOSP|TSUMUGI|OURS|20261120||ORU^R01^ORU_R01|42|P|2.5\rPID|";
    let told = acknowledged(message, Answer::Rejected, &[problem("not-kept", "send it again")]);
    let read = tsumugi_exchange::hl7v2::read_acknowledgement(&told).unwrap();
    assert_eq!((read.answer, read.control_id.as_str()), (Answer::Rejected, "42"));
    assert!(
        read.text.contains("not-kept") && read.text.contains("send it again"),
        "{}",
        read.text
    );
    let mut report = Report::default();
    assert_eq!(answer_of(message, &report), Answer::Error);
    report.accepted = 1;
    assert_eq!(answer_of(message, &report), Answer::Accepted);
    report.rejected = 1;
    assert_eq!(answer_of(message, &report), Answer::Error);
    assert_eq!(answer_of(b"no header", &report), Answer::Rejected);
}

fn answer_of(message: &[u8], report: &Report) -> Answer {
    let told = of_report(message, report);
    tsumugi_exchange::hl7v2::read_acknowledgement(&told)
        .unwrap()
        .answer
}

async fn ask(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(&frame(message.as_bytes())).await.unwrap();
    let mut framer = Framer::new(LONGEST);
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0);
        for part in framer.push(&buffer[..read]) {
            if let Frame::Message(told) = part {
                let told = String::from_utf8(told).unwrap();
                let msa = told.split('\r').find(|line| line.starts_with("MSA"));
                return msa.unwrap().to_owned();
            }
        }
    }
}

#[test]
fn a_message_is_durable_when_it_is_acknowledged_and_kept_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let coder = Arc::new(tsumugi_coding::Coder::embedded().unwrap());
    let app = crate::web::app_for_tests(Store::open_in_memory().unwrap(), coder, address);
    runtime.block_on(async {
        let door = Door::open(address, Vec::new()).await.unwrap();
        let bound = door.address().unwrap();
        tokio::spawn(serve(door, Arc::clone(&app), None));
        let mut stream = TcpStream::connect(bound).await.unwrap();
        // The reader of the tests takes a line of JSON after the header.
        let good = "MSH|^~\\&|LAB|H|T|O|20261120||ORU^R01|7|P|2.5\r{\"patient\":\"1\",\"key\":\"a\"}";
        assert_eq!(ask(&mut stream, good).await, "MSA|AA|7|");
        assert!(app.store.find_patient(Population::Real, "1").unwrap().is_some());
        assert_eq!(ask(&mut stream, good).await, "MSA|AA|7|");
        let patient = app.store.find_patient(Population::Real, "1").unwrap().unwrap();
        assert_eq!(app.store.received(patient).unwrap().len(), 1);
        let bad = "MSH|^~\\&|LAB|H|T|O|20261120||ORU^R01|8|P|2.5\rno json";
        assert!(ask(&mut stream, bad).await.starts_with("MSA|AE|8|"));
        assert!(ask(&mut stream, "no header").await.starts_with("MSA|AR||"));
        assert_eq!(app.store.dead_letters(None, true, 10).unwrap().len(), 2);
        assert_eq!(app.store.dead_letters(None, true, 10).unwrap()[0].way, "mllp");
    });
    assert_eq!(
        app.store.verify_audit(&[], KeyTrust::AsCarried).unwrap().findings,
        []
    );
    assert_eq!(app.store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn only_allowed_peers_are_heard() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let open = |allowed: &[&str]| {
            let allowed = allowed.iter().map(|one| one.parse().unwrap()).collect();
            Door::open(address, allowed)
        };
        let own = open(&[]).await.unwrap();
        let named = open(&["192.168.1.9"]).await.unwrap();
        for (peer, by_own, by_named) in [
            ("127.0.0.1", true, false),
            ("192.168.1.9", false, true),
            ("::ffff:192.168.1.9", false, true),
            ("192.168.1.8", false, false),
        ] {
            let peer = peer.parse().unwrap();
            assert_eq!(
                (own.admits(peer), named.admits(peer)),
                (by_own, by_named),
                "{peer}"
            );
        }
    });
}
