//! Inline tags.

use crate::notes::Case;
use serde_json::json;
use tsumugi_exchange::medtxt::xml;

fn check(case: &Case, body: &str) {
    let wanted =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<article id=\"n&quot;1\">{body}</article>\n");
    assert_eq!(xml(&case.note.text, &case.structured), wanted);
}

fn note(text: &str) -> Case {
    Case::new("n\"1", text)
}

#[test]
fn entities_become_tags_with_their_attributes() {
    let case = note("昨日からＢＴ39.2、肺炎疑い\nCT予定")
        .entity("昨日", "timex3", json!({ "type": "date" }))
        .entity("ＢＴ", "t-key", json!({ "state": "executed" }))
        .entity("39.2", "t-val", json!({}))
        .entity("肺炎", "d", json!({ "certainty": "suspicious" }))
        .entity("CT", "t-test", json!({ "state": "scheduled" }));
    check(
        &case,
        "<timex3 type=\"date\">昨日</timex3>から<t-key state=\"executed\">ＢＴ</t-key><t-val>39.2</t-val>、<d certainty=\"suspicious\">肺炎</d>疑い\n<t-test state=\"scheduled\">CT</t-test>予定",
    );
}

#[test]
fn text_is_escaped_and_kept() {
    check(
        &note("CRP<0.3 & \"x\" >1\r\n\u{1}"),
        "CRP&lt;0.3 &amp; \"x\" &gt;1&#13;\n\u{FFFD}",
    );
    check(&note("AST<ALT").entity("<", "f", json!({})), "AST<f>&lt;</f>ALT");
}

#[test]
fn atoms_of_a_group_are_one_tag_where_they_say_the_same() {
    let positive = json!({ "certainty": "positive", "group": 1 });
    let together = note("下腿浮腫，手指腫脹，皮膚硬化。発熱")
        .entity("下腿浮腫", "d", positive.clone())
        .entity("手指腫脹", "d", positive.clone())
        .entity("皮膚硬化", "d", positive.clone())
        .entity("発熱", "d", json!({ "certainty": "positive" }));
    check(
        &together,
        "<d certainty=\"positive\">下腿浮腫，手指腫脹，皮膚硬化</d>。<d certainty=\"positive\">発熱</d>",
    );
    let apart = note("咳，痰").entity("咳", "d", positive).entity(
        "痰",
        "d",
        json!({ "certainty": "negative", "group": 1 }),
    );
    check(
        &apart,
        "<d certainty=\"positive\">咳</d>，<d certainty=\"negative\">痰</d>",
    );
}

#[test]
fn entities_outside_the_text_or_within_another_are_left_out() {
    let mut case = note("肺炎").entity("肺炎", "d", json!({}));
    let mut inside = case.structured.entities[0].clone();
    inside.span.end = 1;
    let mut outside = inside.clone();
    (outside.span.start, outside.span.end) = (5, 9);
    case.structured.entities.extend([inside, outside]);
    check(&case, "<d>肺炎</d>");
}
