//! Every function and operator on one resource; what is not known; that all of R4's constraints are known.

use super::functions::NAMES;
use super::{Expression, Verdict, World};
use crate::references::References;
use crate::schema::{Node, Schema};
use serde_json::{Value, json};
use std::path::Path;
use tsumugi_tables::Source;

fn schema() -> Schema {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fhir");
    let files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("fhir/{name}"), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    let mut mistakes = Vec::new();
    let schema = Schema::read(&sources, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    schema
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "extension": [{"url": "urn:a", "valueString": "x"}, {"url": "urn:b", "valueQuantity": {"value": 2, "code": "kg"}}],
        "active": true,
        "name": [
            {"use": "official", "family": "A", "given": ["b", "c"]},
            {"use": "usual", "family": "A", "given": ["b", null], "_given": [null, {"id": "g", "extension": [{"url": "urn:c", "valueCode": "d"}]}]},
        ],
        "gender": "male",
        "birthDate": "1980-05",
        "_birthDate": {"id": "bd"},
        "deceasedDateTime": "2020-01-01T00:00:00+09:00",
        "contact": [{"period": {"start": "2020", "end": "2021"}}],
        "managingOrganization": {"reference": "#o"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
    })
}

/// What expressions give at the patient.
fn ask(schema: &Schema, resource: &Value, expression: &str) -> Result<Value, String> {
    let references = References::of(schema, resource);
    let class = schema.type_of_resource(resource).unwrap();
    let node = schema.node(Some(resource), None, class);
    let world = World {
        schema,
        resource: node,
        root: node,
        references: &references,
    };
    let expression = Expression::parse(expression)?;
    world.values(&expression, node).map(Value::from)
}

const CASES: &[(&str, &str)] = &[
    // paths
    ("gender", r#"["male"]"#),
    ("Patient.gender", r#"["male"]"#),
    ("Observation.gender", "[]"),
    ("name.given", r#"["b","c","b",null]"#),
    ("name[1].family", r#"["A"]"#),
    ("name[7].family", "[]"),
    ("deceased", r#"["2020-01-01T00:00:00+09:00"]"#),
    ("birthDate.id", r#"["bd"]"#),
    ("name.given.extension.value", r#"["d"]"#),
    ("`gender`", r#"["male"]"#),
    ("{}", "[]"),
    ("%resource.id", r#"["p"]"#),
    ("%rootResource.id = %context.id", "[true]"),
    ("%ucum", r#"["http://unitsofmeasure.org"]"#),
    (
        "%loinc | %sct",
        r#"["http://loinc.org","http://snomed.info/sct"]"#,
    ),
    // functions
    ("name.all(family = 'A')", "[true]"),
    ("name.all(use = 'usual')", "[false]"),
    ("nothing.all(false)", "[true]"),
    ("name.select(use = 'usual').allTrue()", "[false]"),
    ("name.select(use = 'usual').anyTrue()", "[true]"),
    ("name.select(use = 'usual').allFalse()", "[false]"),
    ("name.select(use = 'usual').anyFalse()", "[true]"),
    ("contact.children().count()", "[1]"),
    ("contact.descendants().count()", "[3]"),
    ("name.family.combine(gender)", r#"["A","A","male"]"#),
    ("name.family.union(gender)", r#"["A","male"]"#),
    ("gender.contains('al')", "[true]"),
    ("name.count()", "[2]"),
    ("name.given.count()", "[4]"),
    ("name.family.distinct()", r#"["A"]"#),
    ("name.family.isDistinct()", "[false]"),
    ("name.use.isDistinct()", "[true]"),
    ("name.isDistinct()", "[true]"),
    ("photo.empty()", "[true]"),
    ("gender.endsWith('le')", "[true]"),
    ("(1 | 2 | 3).exclude(2)", "[1,3]"),
    ("(1 | 2 | 3).intersect(2 | 3 | 4)", "[2,3]"),
    ("name.exists()", "[true]"),
    ("name.exists(use = 'old')", "[false]"),
    ("extension('urn:b').value.code", r#"["kg"]"#),
    ("name.use.first()", r#"["official"]"#),
    ("name.use.last()", r#"["usual"]"#),
    ("name.use.tail()", r#"["usual"]"#),
    ("(1 | 2 | 3).skip(2)", "[3]"),
    ("(1 | 2 | 3).take(2)", "[1,2]"),
    ("gender.single()", r#"["male"]"#),
    ("name.given.getValue()", r#"["b","c","b"]"#),
    ("birthDate.hasValue()", "[true]"),
    ("name[1].given[1].hasValue()", "[false]"),
    ("text.div.htmlChecks()", "[true]"),
    ("iif(gender = 'male', 1, 2)", "[1]"),
    ("iif(photo.exists(), 1)", "[]"),
    ("gender.indexOf('l')", "[2]"),
    ("gender.indexOf('x')", "[-1]"),
    ("gender.length()", "[4]"),
    ("'AbC'.lower() & 'AbC'.upper()", r#"["abcABC"]"#),
    ("' a '.trim()", r#"["a"]"#),
    ("gender.matches('^m')", "[true]"),
    ("gender.matches('^a')", "[false]"),
    ("gender.matches('a')", "[true]"),
    ("'1-2'.replace('-', '.')", r#"["1.2"]"#),
    ("'a.b.c'.replaceMatches('\\\\..*', '')", r#"["a"]"#),
    ("active.not()", "[false]"),
    ("managingOrganization.resolve().name", r#"["O"]"#),
    ("name.select(given.first())", r#"["b","b"]"#),
    ("gender.startsWith('ma')", "[true]"),
    ("gender.substring(1)", r#"["ale"]"#),
    ("gender.substring(1, 2)", r#"["al"]"#),
    ("gender.substring(9)", "[]"),
    ("'1.5'.toDecimal() + 1", "[2.5]"),
    ("'12'.toInteger() + 1", "[13]"),
    ("12.toString() & true.toString()", r#"["12true"]"#),
    (
        "name.trace('a').use.trace('b', length())",
        r#"["official","usual"]"#,
    ),
    ("name.where(use = 'usual').given.first()", r#"["b"]"#),
    ("name.given.where($this = 'c')", r#"["c"]"#),
    ("name.repeats", "[]"),
    // types
    ("deceased is dateTime", "[true]"),
    ("deceased.is(boolean)", "[false]"),
    ("(deceased as dateTime).exists()", "[true]"),
    ("deceased.ofType(boolean)", "[]"),
    ("extension.value.ofType(Quantity).value", "[2]"),
    ("%resource is DomainResource", "[true]"),
    ("%resource.is(FHIR.Patient)", "[true]"),
    ("active is Boolean", "[true]"),
    ("'a' is System.String", "[true]"),
    ("contained.ofType(Organization).name", r#"["O"]"#),
    // operators
    ("gender = 'male' and active", "[true]"),
    ("gender = 'x' or active", "[true]"),
    ("active xor active", "[false]"),
    ("gender = 'x' implies 1 = 2", "[true]"),
    ("active implies 1 = 2", "[false]"),
    ("{} and false", "[false]"),
    ("{} or true", "[true]"),
    ("{} and true", "[]"),
    ("{} implies true", "[true]"),
    ("gender in ('male' | 'female')", "[true]"),
    ("('male' | 'female') contains gender", "[true]"),
    ("gender != 'male'", "[false]"),
    ("photo = 'a'", "[]"),
    ("name.family = ('A' | 'B')", "[false]"),
    ("{} ~ {}", "[true]"),
    ("gender !~ 'male'", "[false]"),
    ("1 < 2 and 2 <= 2 and 3 > 2 and 2 >= 2", "[true]"),
    ("1 + 2 * 3 - 4 / 2", "[5.0]"),
    ("7 div 2 = 3 and 7 mod 2 = 1", "[true]"),
    ("-1 < 0", "[true]"),
    ("1 div 0", "[]"),
    ("'a' & {} & 'b'", r#"["ab"]"#),
    ("'a' + {}", "[]"),
    ("contact.period.start <= contact.period.end", "[true]"),
    ("birthDate < @1980-05-02", "[]"),
    ("birthDate < @1980-06-02", "[true]"),
    ("deceased = @2019-12-31T15:00:00Z", "[true]"),
    ("deceased > @2019-12-31T15:00:01Z", "[false]"),
    ("@2020-03-01T00:00:00+14:00 < @2020-02-29T23:00:00Z", "[true]"),
    ("'\\u3042' // a remark\n", r#"["\u3042"]"#),
];

#[test]
fn every_function_and_operator_gives_what_it_should() {
    let (schema, resource) = (schema(), patient());
    for (expression, wanted) in CASES {
        let wanted: Value = serde_json::from_str(wanted).unwrap();
        let found = ask(&schema, &resource, expression);
        assert_eq!(found.as_ref(), Ok(&wanted), "{expression}");
    }
    for name in NAMES {
        let is_tested = CASES
            .iter()
            .any(|(expression, _)| expression.contains(&format!("{name}(")));
        assert!(is_tested, "{name}() has no case");
    }
}

#[test]
fn what_is_not_known_is_told_and_never_true() {
    let (schema, resource) = (schema(), patient());
    for (expression, reason) in [
        (
            "code.memberOf('urn:a')",
            "the function memberOf() is not known here",
        ),
        (
            "conformsTo('urn:a')",
            "the function conformsTo() is not known here",
        ),
        ("%other.id", "%other is not known here"),
        ("$index = 1", "$index is not known here"),
        ("name.where()", "where() does not take 0 arguments"),
        (
            "gender.matches('(')",
            "matches() has no usable regular expression",
        ),
        ("gender = ", "it ends too early"),
        ("gender gender", "gender is not expected"),
        ("(gender", ") wanted, the end found"),
        ("'a", "the closing ' is missing"),
        ("name ? gender", "the sign ? is not known here"),
        ("active and name", "one value was wanted, there are several"),
        ("name.first() < 1", "values that this operator does not take"),
    ] {
        let found = ask(&schema, &resource, expression);
        assert_eq!(found, Err(reason.to_owned()), "{expression}");
    }
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(ask(&schema, &resource, &deep), Err("nested too deep".to_owned()));
    let long = "a".repeat(30_000);
    assert!(ask(&schema, &resource, &long).is_err());
}

#[test]
fn steps_are_bounded() {
    let schema = schema();
    let codes: Vec<Value> = (0..3_000)
        .map(|number| json!({"system": "urn:a", "code": number.to_string()}))
        .collect();
    let resource = json!({"resourceType": "Observation", "code": {"coding": codes}});
    let found = ask(
        &schema,
        &resource,
        "code.coding.all(%resource.code.coding.where(code = 'x').empty())",
    );
    assert_eq!(found, Err("more than 1000000 steps".to_owned()));
}

#[test]
fn all_constraints_of_r4_are_known() {
    // Of these, elements ask other things than they can say here.
    let schema = schema();
    let unknown: Vec<String> = schema
        .constraints
        .iter()
        .filter_map(|constraint| {
            Some(format!(
                "{}: {}",
                constraint.key,
                constraint.expression.as_ref().err()?
            ))
        })
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(schema.constraints.len() >= 237, "{}", schema.constraints.len());
}

/// `ele-1` and `ext-1` are code of ours; here they are held against their expressions.
#[test]
fn native_rules_say_what_their_expressions_say() {
    let schema = schema();
    let by_key = |key: &str| {
        schema
            .constraints
            .iter()
            .find(|constraint| *constraint.key == *key)
            .unwrap()
    };
    let (ele, ext) = (by_key("ele-1"), by_key("ext-1"));
    let class = schema.named("Extension").unwrap();
    for (value, is_element, is_extension) in [
        (json!({"url": "urn:a", "valueString": "a"}), true, true),
        (json!({"url": "urn:a"}), true, false),
        (
            json!({"url": "urn:a", "valueString": "a", "extension": [{"url": "urn:b", "valueCode": "a"}]}),
            true,
            false,
        ),
        (json!({"id": "a"}), false, false),
        (
            json!({"id": "a", "url": "urn:a", "extension": [{"url": "urn:b", "valueCode": "a"}]}),
            true,
            true,
        ),
        (json!({"url": "urn:a", "_valueString": {"id": "a"}}), true, true),
    ] {
        let node = Node {
            value: Some(&value),
            extra: None,
            class,
        };
        let references = References::default();
        let world = World {
            schema: &schema,
            resource: node,
            root: node,
            references: &references,
        };
        let says = |of: &crate::schema::Constraint| {
            let Ok(expression) = &of.expression else {
                panic!("{}", of.key)
            };
            // The schema outlives the world only by a re-borrow of its own.
            match expression_verdict(&world, expression, node) {
                Verdict::Holds => true,
                Verdict::Fails => false,
                Verdict::Unknown(reason) => panic!("{reason}"),
            }
        };
        assert_eq!(says(ele), is_element, "ele-1 {value}");
        assert_eq!(says(ext), is_extension, "ext-1 {value}");
    }
}

fn expression_verdict<'a>(world: &World<'a>, expression: &'a Expression, node: Node<'a>) -> Verdict {
    world.holds(expression, node)
}
