use super::{Read, file, resources};
use jiff::civil::date;
use serde_json::json;
use std::fmt::Write as _;
use std::io::BufReader;
use tsumugi_exchange::device::{self, Clock, Tables};
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::{Evidence, Person};

pub(crate) fn origin() -> Origin {
    let person = Person {
        issuer: "h".to_owned(),
        number: "1".to_owned(),
        ..Person::default()
    };
    Origin {
        person: Some(person),
        ..Origin::file("device.csv")
    }
}

pub(crate) fn read(bytes: &[u8], clock: Option<&Clock>) -> Read {
    let tables = Tables::embedded();
    Read::of(|sink| {
        device::read(
            BufReader::with_capacity(11, bytes),
            &origin(),
            &tables,
            clock,
            sink,
        )
    })
}

#[test]
fn a_day_of_a_sensor_is_one_series_on_its_grid() {
    let bytes = file("libreview.csv");
    let read = read(&bytes, None);
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    let first = &read.statements[0];
    assert_eq!(first.key, "FreeStyle検査 ABC-123/2026-04-01");
    assert_eq!(
        (first.evidence, first.person.number.as_str()),
        (Evidence::Personal, "1")
    );
    let made = resources(first, "Observation");
    assert_eq!(made.len(), 2, "the series and the scan");
    assert_eq!(made[0]["code"]["coding"][0]["code"], "99504-3");
    let series = &made[0]["valueSampledData"];
    assert_eq!(series["data"], "110 104 L 98 E E E 120 410 U");
    assert_eq!(
        (&series["period"], &series["origin"]["code"]),
        (&json!(900_000), &json!("mg/dL"))
    );
    assert_eq!(
        made[0]["effectivePeriod"],
        json!({ "start": "2026-04-01T00:01:00+09:00", "end": "2026-04-01T02:16:00+09:00" })
    );
    assert_eq!(made[1]["valueQuantity"]["value"], 101);
    // The impossible value is told and not taken, the repeated one taken once.
    assert_eq!(
        resources(&read.statements[1], "Observation")[0]["valueSampledData"]["data"],
        "130 E 140"
    );
    let codes = read.codes();
    for code in ["layout", "out-of-range", "repeated-sample", "gap"] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
}

#[test]
fn readings_of_a_cuff_are_pairs() {
    let bytes = file("pressure.csv");
    let read = read(&bytes, None);
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    assert_eq!(read.statements[0].key, "検査,血圧計/2026-04-01");
    let made = resources(&read.statements[0], "Observation");
    let pairs: Vec<_> = made
        .iter()
        .filter(|one| one["code"]["coding"][0]["code"] == "85354-9")
        .collect();
    assert_eq!(pairs.len(), 3);
    assert_eq!(pairs[0]["effectiveDateTime"], "2026-04-01T07:30:00+09:00");
    let values: Vec<_> = pairs[0]["component"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["code"]["coding"][0]["code"].as_str().unwrap(),
                one["valueQuantity"]["value"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(values, [("8462-4", 88), ("8480-6", 138)]);
    assert_eq!(made.len() - pairs.len(), 2, "two pulses; the evening has none");
}

#[test]
fn other_makers_separators_and_charsets() {
    let clarity = read(&file("clarity.csv"), None);
    clarity.covers(file("clarity.csv").len());
    assert_eq!(
        resources(&clarity.statements[0], "Observation")[0]["valueSampledData"]["data"],
        "120 125 L E 131"
    );
    let bytes = file("thermometer.csv");
    let warm = read(&bytes, None);
    warm.covers(bytes.len());
    let json = String::from_utf8_lossy(&warm.statements[0].resources[0].json).into_owned();
    assert!(
        json.contains("\"code\":\"8310-5\"")
            && json.contains("\"value\":39.20")
            && json.contains("\"code\":\"Cel\""),
        "{json}"
    );
    let oxygen = read(&file("oximeter.csv"), None);
    let codes: Vec<_> = resources(&oxygen.statements[0], "Observation")
        .iter()
        .map(|one| one["code"]["coding"][0]["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes, ["8867-4", "59408-5", "8867-4", "59408-5"]);
}

#[test]
fn a_clock_that_is_wrong_is_told_and_corrected() {
    let clock = Clock {
        device: date(2026, 4, 10).at(9, 30, 0, 0),
        reference: date(2026, 4, 10).at(1, 0, 0, 0),
    };
    assert_eq!(clock.drift().as_secs(), 8 * 3600 + 1800);
    let read = read(&file("pressure.csv"), Some(&clock));
    assert!(read.codes().contains(&"clock-drift"));
    // 07:30 of the device was 23:00 of the day before.
    assert_eq!(read.statements[0].key, "検査,血圧計/2026-03-31");
    let made = &resources(&read.statements[0], "Observation")[0];
    assert_eq!(made["effectiveDateTime"], "2026-03-31T23:00:00+09:00");
    assert_eq!(made["extension"][0]["valueDuration"]["value"], 30_600);
    let true_clock = Clock {
        device: date(2026, 4, 10).at(1, 0, 30, 0),
        ..clock
    };
    let right = self::read(&file("pressure.csv"), Some(&true_clock));
    assert!(!right.codes().contains(&"clock-drift"));
    assert_eq!(right.statements[0].key, "検査,血圧計/2026-04-01");
}

#[test]
fn samples_of_a_future_are_told() {
    let clock = Clock {
        device: date(2026, 4, 1).at(8, 0, 0, 0),
        reference: date(2026, 4, 1).at(8, 0, 0, 0),
    };
    let read = read(&file("pressure.csv"), Some(&clock));
    assert_eq!(
        read.codes().iter().filter(|code| **code == "future-time").count(),
        2
    );
}

#[test]
fn many_readings_of_one_minute_take_no_longer() {
    let mut text = "Datetime,SYS,DIA\n".to_owned();
    for number in 0..20_000 {
        let _ = writeln!(
            text,
            "2026-04-01 07:00,{}.{:04},80",
            100 + number % 100,
            number / 100
        );
    }
    let began = std::time::Instant::now();
    let read = read(text.as_bytes(), None);
    assert_eq!(read.statements.len(), 1);
    assert_eq!(read.statements[0].resources.len(), 20_000);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

/// Pounds are written under the same word: a weight needs its unit, or the Japanese word.
#[test]
fn a_bare_weight_is_not_taken_for_kilograms() {
    for (header, count) in [
        ("Date Time,Weight,Body Fat (%)", 0),
        ("Date Time,Weight (kg),Body Fat (%)", 1),
        ("日時,体重,体脂肪率(%)", 1),
    ] {
        let text = format!("{header}\r\n2026-04-01 07:30,132.0,22.0\r\n");
        let read = read(text.as_bytes(), None);
        let all = read.statements.iter();
        let weights = all
            .flat_map(|one| resources(one, "Observation"))
            .filter(|made| made["code"]["coding"][0]["code"] == "29463-7")
            .count();
        assert_eq!((read.statements.len(), weights), (1, count), "{header}");
    }
}
