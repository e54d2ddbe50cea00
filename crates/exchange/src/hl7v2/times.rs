//! Times of HL7 v2 (`YYYY[MM[DD[HH[MM[SS[.S]]]]]][+ZZZZ]`, chapter 2A.3.76) and their FHIR forms.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

/// Minutes by which Japan is ahead of UTC.
const JAPAN_MINUTES: i64 = 9 * 60;

/// A time that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// Civil time of Japan; what is not said is the beginning of it.
    pub(crate) civil: DateTime,
    /// As FHIR writes it, no more exact than the source.
    pub(crate) fhir: String,
}

/// A time that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongTime;

/// Reads a time; `Ok(None)` when nothing is said (empty, or zeros only).
pub(crate) fn when(written: &str) -> Result<Option<When>, WrongTime> {
    let written = written.trim();
    let (digits, zone) = match written.find(['+', '-']) {
        Some(at) => (written.get(..at).unwrap_or(""), written.get(at..)),
        None => (written, None),
    };
    let digits = digits.split('.').next().unwrap_or("");
    let ahead = zone.map(minutes_ahead).transpose()?;
    if digits.bytes().all(|digit| digit == b'0') && zone.is_none() {
        return Ok(None);
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(WrongTime);
    }
    // Sources write milliseconds right behind the seconds, and zeros for what they do not know.
    let part = |from: usize, to: usize| -> Option<i8> { digits.get(from..to)?.parse().ok() };
    let year: i16 = digits
        .get(..4)
        .and_then(|year| year.parse().ok())
        .ok_or(WrongTime)?;
    if !(1850..=2200).contains(&year) || !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14 | 15..=20) {
        return Err(WrongTime);
    }
    let Some(month) = part(4, 6).filter(|month| *month > 0) else {
        let civil = date(year, 1, 1).at(0, 0, 0, 0);
        let fhir = format!("{year:04}");
        return Ok(Some(When { civil, fhir }));
    };
    let Some(day) = part(6, 8).filter(|day| *day > 0) else {
        let first = Date::new(year, month, 1).map_err(|_| WrongTime)?;
        let fhir = format!("{year:04}-{month:02}");
        return Ok(Some(When {
            civil: first.at(0, 0, 0, 0),
            fhir,
        }));
    };
    let day = Date::new(year, month, day).map_err(|_| WrongTime)?;
    let Some(hour) = part(8, 10) else {
        return Ok(Some(When {
            civil: day.at(0, 0, 0, 0),
            fhir: day.to_string(),
        }));
    };
    // 24:00 is the end of the day.
    let (day, hour) = match (hour, part(10, 12).unwrap_or(0)) {
        (24, 0) => (day.tomorrow().map_err(|_| WrongTime)?, 0),
        _ => (day, hour),
    };
    let civil = DateTime::new(
        day.year(),
        day.month(),
        day.day(),
        hour,
        part(10, 12).unwrap_or(0),
        part(12, 14).unwrap_or(0),
        0,
    )
    .map_err(|_| WrongTime)?;
    let civil = in_japan(civil, ahead)?;
    Ok(Some(When {
        civil,
        fhir: moment(civil),
    }))
}

/// A civil time as FHIR writes it.
pub(crate) fn moment(civil: DateTime) -> String {
    format!("{}+09:00", civil.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A civil time as HL7 writes it, to the second.
pub(crate) fn written(civil: DateTime) -> String {
    civil.strftime("%Y%m%d%H%M%S").to_string()
}

/// The civil time of Japan of one that is so many minutes ahead of UTC.
fn in_japan(civil: DateTime, ahead: Option<i64>) -> Result<DateTime, WrongTime> {
    let behind_japan = ahead.map_or(0, |ahead| JAPAN_MINUTES - ahead);
    civil.checked_add(behind_japan.minutes()).map_err(|_| WrongTime)
}

/// Minutes of `+HHMM`.
fn minutes_ahead(zone: &str) -> Result<i64, WrongTime> {
    let part = |from: usize, to: usize| -> Option<i64> { zone.get(from..to)?.parse().ok() };
    match (part(1, 3), part(3, 5)) {
        (Some(hours @ 0..=14), Some(minutes @ 0..=59)) if zone.len() == 5 => {
            let ahead = hours * 60 + minutes;
            Ok(if zone.starts_with('-') { -ahead } else { ahead })
        }
        _ => Err(WrongTime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (written, fhir) in [
            ("2011", Some("2011")),
            ("201109", Some("2011-09")),
            ("20110900", Some("2011-09")),
            ("20110915", Some("2011-09-15")),
            ("2011070100", Some("2011-07-01T00:00:00+09:00")),
            ("201107010830", Some("2011-07-01T08:30:00+09:00")),
            ("20111220103059.1234", Some("2011-12-20T10:30:59+09:00")),
            ("20110701113813225", Some("2011-07-01T11:38:13+09:00")),
            ("20111220000000+0000", Some("2011-12-20T09:00:00+09:00")),
            ("201112202400", Some("2011-12-21T00:00:00+09:00")),
            ("", None),
            ("00000000", None),
        ] {
            let read = when(written).map(|when| when.map(|when| when.fhir));
            assert_eq!(read, Ok(fhir.map(str::to_owned)), "{written}");
        }
        for wrong in [
            "20111301",
            "20110230",
            "today",
            "2011122",
            "20111220256000",
            "9999",
            "20111220+9",
        ] {
            assert_eq!(when(wrong), Err(WrongTime), "{wrong}");
        }
    }
}
