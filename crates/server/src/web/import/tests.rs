use crate::web;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use tsumugi_records::{Population, Store};

fn post(address: SocketAddr, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut raw = String::new();
    stream.read_to_string(&mut raw).unwrap();
    let status = raw.split(' ').nth(1).unwrap().parse().unwrap();
    let body = raw.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

#[test]
fn a_source_is_taken_in_with_the_token_only() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let coder = Arc::new(tsumugi_coding::Coder::embedded().unwrap());
        let app = web::app_for_tests(Store::open_in_memory().unwrap(), coder, address);
        tokio::spawn(web::serve(
            listener,
            Arc::clone(&app),
            None,
            std::future::pending(),
        ));
        let work = tokio::task::spawn_blocking(move || {
            let token = app.keys.services_token().to_owned();
            let line = "{\"patient\":\"1\",\"key\":\"a\"}\n";
            // The first run opens the services for trying out; this one writes, and stays shut.
            assert_eq!(post(address, "/import/fhir", "wrong", line).0, 401);
            assert_eq!(app.store.find_patient(Population::Real, "1"), Ok(None));
            assert_eq!(post(address, "/import/pdf", &token, line).0, 404);
            assert_eq!(post(address, "/import/uke", &token, line).0, 422);
            let (status, body) = post(address, "/import/fhir?file=x.ndjson&dummy=true", &token, line);
            let report: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (status, &report["accepted"], &report["records"]),
                (200, &1.into(), &1.into())
            );
            assert_eq!(app.store.find_patient(Population::Real, "1"), Ok(None));
            let lines = format!("{line}no json\n");
            let (status, body) = post(address, "/import/fhir?file=x.ndjson", &token, &lines);
            let report: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (status, &report["accepted"], &report["rejected"]),
                (422, &1.into(), &1.into())
            );
            let told = &report["diagnostics"][0];
            assert_eq!((&told["file"], &told["line"]), (&"x.ndjson".into(), &2.into()));
            let patient = app.store.find_patient(Population::Real, "1").unwrap().unwrap();
            let looked = app.store.who_looked(patient, None, 1).unwrap();
            assert_eq!(looked[0].entry.agent.who, "service");
            assert_eq!(looked[0].entry.address.as_deref(), Some("127.0.0.1"));
        });
        work.await.unwrap();
    });
}
