use super::*;
use tokio::net::TcpStream;
use tsumugi_exchange::incoming::{Place, Severity};
use tsumugi_records::{KeyTrust, Store};

#[test]
fn messages_are_cut_out_whatever_the_pieces() {
    let sent = b"noise\x0bMSH|1\rPID\x1c\r\r\n\x0bMSH|2\x1c!\x1c\r\x0bhalf";
    for size in 1..sent.len() {
        let mut framer = Framer::default();
        let mut messages = Vec::new();
        for piece in sent.chunks(size) {
            framer.push(piece);
            while let Some(message) = framer.message() {
                messages.push(message);
            }
        }
        assert_eq!(
            messages,
            [b"MSH|1\rPID".to_vec(), b"MSH|2\x1c!".to_vec()],
            "{size}"
        );
        assert_eq!(framer.waiting, b"half");
    }
}

#[test]
fn an_acknowledgement_names_the_message_and_the_place_of_the_problem() {
    let message = b"MSH|^~\\&|LAB|HOSP|TSUMUGI|OURS|20261120||ORU^R01^ORU_R01|42|P|2.5\rPID|";
    let lines = |told: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(told).unwrap();
        text.split_terminator('\r').map(str::to_owned).collect()
    };
    let told = lines(acknowledgement(message, "AA", "", None));
    let header: Vec<&str> = told[0].split('|').collect();
    assert_eq!(header[2..6], ["TSUMUGI", "OURS", "LAB", "HOSP"]);
    assert_eq!((header[8], header[10], header[11]), ("ACK^R01^ACK", "P", "2.5"));
    assert_eq!(told[1..], ["MSA|AA|42|"]);
    let problem = Problem {
        place: Place {
            file: String::new(),
            line: Some(3),
            field: Some("OBX-5".to_owned()),
        },
        severity: Severity::Error,
        code: "x",
        message: "no | number".to_owned(),
    };
    let told = lines(acknowledgement(message, "AE", "x", Some(&problem)));
    assert_eq!(
        told[2],
        "ERR||OBX^3^5|207^Application internal error^HL70357|E||||no  number"
    );
    for broken in [b"".as_slice(), b"MSH", b"PID|1", &[0xFF; 9]] {
        assert_eq!(lines(acknowledgement(broken, "AR", "x", None))[1], "MSA|AR||x");
    }
}

async fn ask(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(&framed(message.as_bytes())).await.unwrap();
    let mut framer = Framer::default();
    let mut buffer = [0; 4096];
    loop {
        if let Some(told) = framer.message() {
            let told = String::from_utf8(told).unwrap();
            let msa = told.split('\r').find(|line| line.starts_with("MSA"));
            return msa.unwrap().to_owned();
        }
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0);
        framer.push(&buffer[..read]);
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
