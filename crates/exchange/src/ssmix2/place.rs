//! Where a storage files what: folders and the seven parts of a file's name.
//!
//! `<root>/<number 1–3>/<number 4–6>/<number>/<day or "-">/<kind>/<file>`, in the extended storage a folder in the place of
//! the file, with the document's files in it. The name is number, day, kind, order number, transaction time, department,
//! condition, with `_` between.

use crate::hl7v2::{TABLES, loinc_code, when};
use crate::incoming::{Place, Problem, Severity, Standing};
use jiff::civil::Date;
use tsumugi_clinical::Code;

/// Which storage a file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Standard: HL7 v2.5 of the listed kinds.
    Standard,
    /// Extended: documents and kinds of the site.
    Extended,
}

/// Whether a file still holds (last part of its name).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// 1.
    Valid,
    /// 2: a newer one came.
    Superseded,
    /// 0: taken back.
    Deleted,
}

/// What a path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The storage.
    pub storage: Storage,
    /// Number of the patient, as written.
    pub number: String,
    /// The day; absent for what has none (`-`).
    pub date: Option<Date>,
    /// Data kind, as written.
    pub kind: String,
    /// Order number; the filler (`999999999999999`) where there is none.
    pub order: String,
    /// Transaction time, `YYYYMMDDHHMMSSFFF`.
    pub transaction: String,
    /// Code of the department; empty when there is none.
    pub department: String,
    /// The condition.
    pub condition: Condition,
    /// In the extended storage: the file within the document's folder; empty when the document is one file.
    pub part: String,
    /// Folders in front of the file: number 1–3, number 4–6, number, day, kind; shorter when the path is.
    folders: Vec<String>,
}

impl Filed {
    /// What stays the same over the versions of a statement.
    pub fn key(&self) -> String {
        let date = self.date.map_or_else(|| "-".to_owned(), |date| date.to_string());
        let key = format!("{}|{date}|{}", self.kind, self.order);
        if self.part.is_empty() {
            key
        } else {
            format!("{key}|{}", self.part)
        }
    }

    /// Whether what the file states holds; `deleted` when the message in it takes back.
    pub(crate) fn standing(&self, deleted: bool) -> Standing {
        match self.condition {
            Condition::Deleted => Standing::Deleted,
            Condition::Superseded => Standing::Superseded,
            Condition::Valid if deleted => Standing::Deleted,
            Condition::Valid => Standing::Valid,
        }
    }

    /// Kind of the document by the folder's name: the LOINC code in it (`…^18842-5^name^LN`), else a name of the tables.
    pub fn document_kind(&self) -> Option<Code> {
        let parts: Vec<&str> = self.kind.split('^').collect();
        let by_code = parts.windows(3).find_map(|three| match three {
            [code, display, "LN"] if !code.is_empty() => Some(loinc_code(code, display)),
            _ => None,
        });
        let mut names = self.kind.split(['^', '_']);
        by_code.or_else(|| names.find_map(|name| Some(loinc_code(TABLES.document(name)?, ""))))
    }

    /// The name that the folder gives to the kind.
    pub fn document_title(&self) -> Option<String> {
        let parts: Vec<&str> = self.kind.split('^').collect();
        let named = [1, 4, 0].into_iter().filter_map(|index| parts.get(index));
        named
            .into_iter()
            .find(|name| !name.is_empty())
            .map(|name| (*name).to_owned())
    }

    /// Tells the mapping of a message what the storage knows.
    pub(crate) fn set_up(&self, making: &mut crate::hl7v2::Making<'_>) {
        making.day = self.date;
        if let Some(row) = TABLES.kind(&self.kind) {
            making.category = if row.category == "dispense" {
                ""
            } else {
                row.category
            };
            making.is_dispense = row.category == "dispense";
        }
    }

    /// Holds the type of a message against the kind under which it is filed.
    pub(crate) fn check_kind(&self, message: &str, line: u32, making: &mut crate::hl7v2::Making<'_>) {
        let Some(row) = TABLES
            .kind(&self.kind)
            .filter(|_| self.storage == Storage::Standard)
        else {
            return;
        };
        if !row.messages.split('|').any(|known| known == message) {
            let text =
                "the message is of another kind than the file's name says; it is read as the message it is";
            making.problem_at(
                Severity::Warning,
                "wrong-kind",
                Some(line),
                Some("MSH-9".to_owned()),
                text,
            );
        }
    }
}

/// Reads a path of a storage, with `/` or `\` between folders.
///
/// # Errors
/// A path that is none of a storage, or whose folders are of another patient than the file: `wrong-path`,
/// `wrong-name`, `wrong-folder`.
pub fn path(path: &str) -> Result<Filed, Problem> {
    let parts: Vec<&str> = path
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let (name, folders) = parts
        .split_last()
        .ok_or_else(|| wrong(path, "wrong-path", "the path is empty"))?;
    let is_document = named(name, folders, 0).is_none()
        && folders
            .last()
            .is_some_and(|folder| named(folder, folders, 1).is_some());
    let (name, folders, part) = match folders.split_last().filter(|_| is_document) {
        Some((folder, before)) => (*folder, before, (*name).to_owned()),
        None => (*name, folders, String::new()),
    };
    let seven = named(name, folders, 0).ok_or_else(|| {
        let text = "the file's name has not the seven parts of SS-MIX2 (number_day_kind_order_time_department_condition)";
        wrong(path, "wrong-name", text)
    })?;
    let filed = filed(seven, folders, part).map_err(|(code, text)| wrong(path, code, text))?;
    if filed.folder(2).is_some_and(|folder| folder != filed.number) {
        let text =
            "the file lies in the folder of another patient than its name says; move it to the right one";
        return Err(wrong(path, "wrong-folder", text));
    }
    Ok(filed)
}

/// The parts of a name, each held to its form.
fn filed(seven: [&str; 7], folders: &[&str], part: String) -> Result<Filed, (&'static str, &'static str)> {
    let [number, date, kind, order, transaction, department, condition] = seven;
    if number.is_empty() || kind.is_empty() {
        return Err(("wrong-name", "the name has no patient number, or no kind"));
    }
    let date = match date {
        "-" => None,
        written => {
            let text = "the second part of the name is no day (YYYYMMDD or -)";
            Some(day(written).ok_or(("wrong-name", text))?)
        }
    };
    let is_time = transaction.bytes().all(|digit| digit.is_ascii_digit());
    if !is_time || !matches!(transaction.len(), 14..=17) {
        let text = "the fifth part of the name is no transaction time (YYYYMMDDHHMMSSFFF)";
        return Err(("wrong-name", text));
    }
    let condition = match condition {
        "1" => Condition::Valid,
        "2" => Condition::Superseded,
        "0" => Condition::Deleted,
        _ => return Err(("wrong-condition", "the last part of the name is none of 0, 1, 2")),
    };
    let is_standard = TABLES.kind(kind).is_some() && part.is_empty();
    let outermost = folders.len().saturating_sub(5);
    let folders = folders.iter().skip(outermost).map(|folder| (*folder).to_owned());
    Ok(Filed {
        storage: if is_standard {
            Storage::Standard
        } else {
            Storage::Extended
        },
        number: number.to_owned(),
        date,
        kind: kind.to_owned(),
        order: order.to_owned(),
        transaction: format!("{transaction:0<17}"),
        department: department.trim_start_matches('-').to_owned(),
        condition,
        part,
        folders: folders.collect(),
    })
}

/// Folders that do not fit the name but leave no doubt whose the file is.
pub(crate) fn doubts(path: &str, filed: &Filed) -> Vec<Problem> {
    let date = filed
        .date
        .map_or_else(|| "-".to_owned(), |date| date.strftime("%Y%m%d").to_string());
    let [first, second] = prefixes(&filed.number);
    let wanted = [first, second, filed.number.clone(), date, filed.kind.clone()];
    let names = ["number 1-3", "number 4-6", "number", "day", "kind"];
    wanted
        .iter()
        .zip(names)
        .enumerate()
        .filter(|(index, (wanted, _))| {
            filed
                .folder(*index)
                .is_some_and(|folder| folder != wanted.as_str())
        })
        .map(|(_, (_, name))| Problem {
            place: Place {
                file: path.to_owned(),
                line: None,
                field: Some(name.to_owned()),
            },
            severity: Severity::Warning,
            code: "wrong-folder",
            message: "this folder does not fit the file's name; the name is taken, move the file".to_owned(),
        })
        .collect()
}

/// The first two folders of a number; `-` where it is too short for them.
pub(crate) fn prefixes(number: &str) -> [String; 2] {
    let piece = |from: usize| -> String {
        let piece: String = number.chars().skip(from).take(3).collect();
        if piece.is_empty() { "-".to_owned() } else { piece }
    };
    [piece(0), piece(3)]
}

impl Filed {
    /// A folder in front of the file, 0 the outermost, where the path has all five.
    fn folder(&self, index: usize) -> Option<&str> {
        let missing = 5_usize.checked_sub(self.folders.len())?;
        self.folders.get(index.checked_sub(missing)?).map(String::as_str)
    }
}

/// The seven parts of a name. A kind may hold `_` itself: then it is the one that its folder names, `above` the name.
fn named<'n>(name: &'n str, folders: &[&str], above: usize) -> Option<[&'n str; 7]> {
    let kind = folders.iter().rev().nth(above).copied().unwrap_or("");
    let mut from_end = name.rsplitn(5, '_');
    let (condition, department, transaction, order, front) = (
        from_end.next()?,
        from_end.next()?,
        from_end.next()?,
        from_end.next()?,
        from_end.next()?,
    );
    let (front, kind) = match front.strip_suffix(kind).and_then(|front| front.strip_suffix('_')) {
        Some(rest) if !kind.is_empty() => (rest, front.get(rest.len() + 1..)?),
        _ => front.rsplit_once('_')?,
    };
    let (number, date) = front.rsplit_once('_')?;
    Some([number, date, kind, order, transaction, department, condition])
}

fn day(written: &str) -> Option<Date> {
    let is_day = written.len() == 8 && written.bytes().all(|digit| digit.is_ascii_digit());
    let read = when(written).ok()??;
    (is_day && read.fhir.len() == 10).then(|| read.civil.date())
}

fn wrong(path: &str, code: &'static str, message: &str) -> Problem {
    Problem {
        place: Place {
            file: path.to_owned(),
            line: None,
            field: Some("path".to_owned()),
        },
        severity: Severity::Error,
        code,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (written, wanted) in [
            (
                "999/901/9999013/20110701/OMP-01/9999013_20110701_OMP-01_000000011000185_20110701224603984_01_1",
                "OMP-01|2011-07-01|000000011000185",
            ),
            (
                "/r/999/901/9999013/-/ADT-00/9999013_-_ADT-00_999999999999999_20111220224447339_-_1",
                "ADT-00|-|999999999999999",
            ),
            (
                "9999013_-_ADT-00_999999999999999_20111220224447339_-_0",
                "ADT-00|-|999999999999999",
            ),
            (
                "999\\901\\9999013\\20110701\\A_B^x^99L\\9999013_20110701_A_B^x^99L_1_20110701224603984_01_1\\main_document.hl7",
                "A_B^x^99L|2011-07-01|1|main_document.hl7",
            ),
        ] {
            assert_eq!(
                path(written).map(|filed| filed.key()),
                Ok(wanted.to_owned()),
                "{written}"
            );
        }
        for (written, code) in [
            ("", "wrong-path"),
            ("readme.txt", "wrong-name"),
            (
                "999/901/9999013/20110701/OMP-01/9999013_20110732_OMP-01_1_20110701224603984_01_1",
                "wrong-name",
            ),
            (
                "999/901/9999013/20110701/OMP-01/9999013_20110701_OMP-01_1_2011_01_1",
                "wrong-name",
            ),
            (
                "999/901/9999013/20110701/OMP-01/9999013_20110701_OMP-01_1_20110701224603984_01_3",
                "wrong-condition",
            ),
            (
                "999/901/9999014/20110701/OMP-01/9999013_20110701_OMP-01_1_20110701224603984_01_1",
                "wrong-folder",
            ),
        ] {
            assert_eq!(
                path(written).map_err(|problem| problem.code),
                Err(code),
                "{written}"
            );
        }
    }

    #[test]
    fn folders_that_do_not_fit_are_told() {
        let written = "999/902/9999013/20110702/OMP-02/9999013_20110701_OMP-01_1_20110701224603984_01_1";
        let filed = path(written).unwrap();
        let fields: Vec<_> = doubts(written, &filed)
            .into_iter()
            .filter_map(|doubt| doubt.place.field)
            .collect();
        assert_eq!(fields, ["number 4-6", "day", "kind"]);
    }
}
