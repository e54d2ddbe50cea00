//! Versions, deletions, pages, includes, and what may not be seen.

use crate::common::{BASE, NOW, connection, index, put};
use serde_json::json;
use std::sync::Arc;
use tsumugi_fhirstore::{Connection, Context, FindError, Index, Page, Query};

fn query(index: &Index, kind: &str, pairs: &[(&str, &str)]) -> Query {
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Query::read(context, kind, &pairs).unwrap()
}

fn find(index: &Index, conn: &Connection, kind: &str, pairs: &[(&str, &str)]) -> Page {
    index
        .find(conn, &query(index, kind, pairs), "p", &mut |_| true)
        .unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.matches.iter().map(|version| version.id.as_str()).collect()
}

#[test]
fn versions_are_counted_and_the_same_bytes_make_none() {
    let conn = connection();
    let index = index(&conn);
    let body = |status: &str| json!({"resourceType": "Observation", "id": "a", "status": status});
    assert_eq!(put(&index, &conn, &body("final"), Some(1), 1), 1);
    assert_eq!(put(&index, &conn, &body("final"), Some(1), 2), 1);
    assert_eq!(put(&index, &conn, &body("amended"), Some(1), 3), 2);
    assert_eq!(
        ids(&find(&index, &conn, "Observation", &[("status", "final")])),
        [""; 0]
    );
    let gone = index
        .remove(&conn, ("Observation", "a"), (4, "a"))
        .unwrap()
        .unwrap();
    assert_eq!(gone.version, 3);
    assert_eq!(index.remove(&conn, ("Observation", "a"), (5, "a")).unwrap(), None);
    assert_eq!(index.remove(&conn, ("Observation", "b"), (5, "a")).unwrap(), None);
    assert_eq!(ids(&find(&index, &conn, "Observation", &[])), [""; 0]);
    let current = index.current(&conn, "Observation", "a").unwrap().unwrap();
    assert_eq!((current.version, current.body), (3, None));
    let second = index
        .version(&conn, ("Observation", "a"), Some(2))
        .unwrap()
        .unwrap();
    assert!(second.body.unwrap().contains("amended"));
    let history = index.history(&conn, "Observation", "a").unwrap();
    let methods: Vec<(u32, &str)> = history
        .iter()
        .map(|one| (one.version, one.method.as_str()))
        .collect();
    assert_eq!(methods, [(3, "DELETE"), (2, "PUT"), (1, "PUT")]);
    assert_eq!(put(&index, &conn, &body("final"), Some(1), 6), 4);
    index.purge(&conn, current.r).unwrap();
    assert_eq!(index.current(&conn, "Observation", "a").unwrap(), None);
    assert_eq!(index.check(&conn).unwrap(), (Vec::new(), 0));
}

#[test]
fn a_page_goes_on_where_it_ended_whatever_is_written_meanwhile() {
    let conn = connection();
    let index = index(&conn);
    let body = |id: usize, date: &str| json!({"resourceType": "Observation", "id": id.to_string(), "effectiveDateTime": date});
    for id in 0..10 {
        put(
            &index,
            &conn,
            &body(id, &format!("2026-11-{:02}", 10 + id)),
            None,
            NOW,
        );
    }
    for sort in ["date", "-date", "_id"] {
        let mut asked = query(
            &index,
            "Observation",
            &[("_count", "3"), ("_sort", sort), ("_total", "accurate")],
        );
        let mut all = Vec::new();
        let mut extra = 100;
        loop {
            let page = index.find(&conn, &asked, "p", &mut |_| true).unwrap();
            assert_eq!(page.total, Some(10), "{sort}");
            all.extend(
                page.matches
                    .iter()
                    .map(|version| version.id.clone())
                    .filter(|id| id.parse::<usize>().unwrap() < 100),
            );
            let Some(next) = page.next else { break };
            asked.cursor = Some(next);
            put(&index, &conn, &body(extra, "2026-11-14"), None, NOW);
            extra += 1;
        }
        all.sort();
        let wanted: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        assert_eq!(all, wanted, "{sort}");
        for id in 100..extra {
            index
                .remove(&conn, ("Observation", &id.to_string()), (NOW, "a"))
                .unwrap();
        }
    }
    let mut asked = query(&index, "Observation", &[("_count", "3")]);
    let first = index.find(&conn, &asked, "p", &mut |_| true).unwrap();
    asked.cursor = first.next;
    assert!(matches!(
        index.find(&conn, &asked, "another", &mut |_| true),
        Err(FindError::Query(_))
    ));
    let mut other = query(&index, "Observation", &[("_count", "3"), ("status", "final")]);
    other.cursor.clone_from(&asked.cursor);
    assert!(matches!(
        index.find(&conn, &other, "p", &mut |_| true),
        Err(FindError::Query(_))
    ));
    asked.cursor = Some("x".to_owned());
    assert!(matches!(
        index.find(&conn, &asked, "p", &mut |_| true),
        Err(FindError::Query(_))
    ));
}

#[test]
fn totals_and_pages_of_nothing() {
    let conn = connection();
    let index = index(&conn);
    for id in 0..3 {
        put(
            &index,
            &conn,
            &json!({"resourceType": "Basic", "id": id.to_string()}),
            None,
            NOW,
        );
    }
    let page = |pairs: &[(&str, &str)]| find(&index, &conn, "Basic", pairs);
    assert_eq!((page(&[]).total, page(&[]).next), (Some(3), None));
    assert_eq!(page(&[("_count", "2")]).total, None);
    assert_eq!(page(&[("_count", "2"), ("_total", "accurate")]).total, Some(3));
    assert_eq!(
        (
            page(&[("_count", "0"), ("_total", "accurate")]).total,
            page(&[("_count", "0")]).matches.len()
        ),
        (Some(3), 0)
    );
    let counted = page(&[("_summary", "count")]);
    assert_eq!(
        (counted.total, counted.matches.len(), counted.next),
        (Some(3), 0, None)
    );
}

fn family(index: &Index, conn: &Connection) {
    put(
        index,
        conn,
        &json!({"resourceType": "Organization", "id": "o"}),
        None,
        NOW,
    );
    put(
        index,
        conn,
        &json!({"resourceType": "Patient", "id": "1", "name": [{"family": "A"}], "managingOrganization": {"reference": "Organization/o"}}),
        Some(1),
        NOW,
    );
    put(
        index,
        conn,
        &json!({"resourceType": "Patient", "id": "3", "name": [{"family": "A"}]}),
        Some(3),
        NOW,
    );
    for (id, patient) in [("x", 1), ("y", 3)] {
        put(
            index,
            conn,
            &json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": format!("Patient/{patient}")},
            "performer": [{"reference": "Practitioner/none"}]}),
            Some(patient),
            NOW,
        );
    }
}

#[test]
fn includes_follow_references_both_ways() {
    let conn = connection();
    let index = index(&conn);
    family(&index, &conn);
    let included = |kind: &str, pairs: &[(&str, &str)]| {
        let page = find(&index, &conn, kind, pairs);
        let mut all: Vec<String> = page
            .included
            .iter()
            .map(|one| format!("{}/{}", one.kind, one.id))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        included(
            "Observation",
            &[("_include", "Observation:subject"), ("_id", "x")]
        ),
        ["Patient/1"]
    );
    assert_eq!(
        included(
            "Observation",
            &[("_include", "Observation:subject:Group"), ("_id", "x")]
        ),
        [""; 0]
    );
    assert_eq!(
        included("Observation", &[("_include", "Observation:performer")]),
        [""; 0]
    );
    assert_eq!(
        included("Patient", &[("_revinclude", "Observation:patient"), ("_id", "1")]),
        ["Observation/x"]
    );
    let both = [
        ("_include", "Observation:patient"),
        ("_include:iterate", "Patient:organization"),
        ("_id", "x"),
    ];
    assert_eq!(included("Observation", &both), ["Organization/o", "Patient/1"]);
    let once = [
        ("_include", "Observation:patient"),
        ("_include", "Patient:organization"),
        ("_id", "x"),
    ];
    assert_eq!(included("Observation", &once), ["Patient/1"]);
}

#[test]
fn what_may_not_be_seen_is_not_there_on_the_way_either() {
    let conn = connection();
    let index = index(&conn);
    family(&index, &conn);
    let seen = |kind: &str, pairs: &[(&str, &str)]| {
        let page = index
            .find(&conn, &query(&index, kind, pairs), "p", &mut |whose| {
                whose.patient != Some(3)
            })
            .unwrap();
        (page.matches.len(), page.included.len(), page.total)
    };
    assert_eq!(seen("Patient", &[]), (1, 0, Some(1)));
    assert_eq!(seen("Observation", &[("patient.family", "a")]), (1, 0, Some(1)));
    assert_eq!(
        seen("Patient", &[("_has:Observation:patient:status", "final")]),
        (1, 0, Some(1))
    );
    assert_eq!(
        seen("Organization", &[("_revinclude", "Patient:organization")]),
        (1, 1, Some(1))
    );
    // The observation may be seen, the patient it leads to may not.
    put(
        &index,
        &conn,
        &json!({"resourceType": "Observation", "id": "z", "status": "final", "subject": {"reference": "Patient/3"}}),
        None,
        NOW,
    );
    assert_eq!(seen("Observation", &[("_id", "z")]), (1, 0, Some(1)));
    assert_eq!(
        seen(
            "Observation",
            &[("_id", "z"), ("_include", "Observation:patient")]
        ),
        (1, 0, Some(1))
    );
    assert_eq!(
        seen("Observation", &[("_id", "z"), ("patient.family", "A")]),
        (0, 0, Some(0))
    );
    let all = index.find(
        &conn,
        &query(&index, "Observation", &[("_id", "z"), ("patient.family", "A")]),
        "p",
        &mut |_| true,
    );
    assert_eq!(all.unwrap().matches.len(), 1);
}

#[test]
fn half_an_index_is_never_asked() {
    let conn = connection();
    let own = index(&conn);
    family(&own, &conn);
    let asked = query(&own, "Patient", &[]);
    conn.execute_batch("INSERT INTO fhir_due VALUES (0, 1)").unwrap();
    assert!(matches!(
        own.find(&conn, &asked, "p", &mut |_| true),
        Err(FindError::Index(_))
    ));
    conn.execute_batch("DELETE FROM fhir_due").unwrap();
    let (changed, mistakes) = crate::common::with_changed("fhir/search_parameters.tsv", |text| {
        text.replace("\tname.given:string\t", "\tname.prefix:string\t")
    });
    assert_eq!(mistakes, Vec::<String>::new());
    let (changed, is_stale) = Index::open(&conn, Arc::new(changed), BASE).unwrap();
    assert!(is_stale);
    assert!(matches!(
        changed.find(&conn, &asked, "p", &mut |_| true),
        Err(FindError::Index(_))
    ));
    changed.rebuild(&conn).unwrap();
    assert_eq!(
        changed
            .find(&conn, &asked, "p", &mut |_| true)
            .unwrap()
            .matches
            .len(),
        2
    );
}

#[test]
fn the_check_finds_a_row_that_is_missing_and_one_too_many() {
    let conn = connection();
    let index = index(&conn);
    family(&index, &conn);
    conn.execute_batch("DELETE FROM fhir_token WHERE r = (SELECT r FROM fhir_resource WHERE id = 'x')")
        .unwrap();
    let (wrong, difference) = index.check(&conn).unwrap();
    assert_eq!(wrong, ["Observation/x"]);
    assert!(difference < 0);
    index.rebuild(&conn).unwrap();
    conn.execute_batch("INSERT INTO fhir_token VALUES (1, 1, 1)")
        .unwrap();
    assert_eq!(index.check(&conn).unwrap(), (Vec::new(), 1));
}
