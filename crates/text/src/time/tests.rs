//! Sentences with what must be read of time in them, and look-alikes in which nothing must be.
//!
//! A case is a sentence and its times, each as `span type interval precision frame`, joined by ` | `; the interval is
//! one day, `from..to`, or `-` for a time that is not resolved; doubts stand behind in brackets.

mod expressions;
mod lookalikes;
mod table;

use crate::mention::Reading;
use crate::reader::{ReadContext, Reader};
use std::path::Path;
use std::sync::LazyLock;
use tsumugi_clinical::{ClinicalTime, Span, Tag, TimeFrame};
use tsumugi_tables::{Designation, Source, TermKind};

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let files = lexicon_files();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    Reader::new(&sources, designations().into_iter(), |_| None, |key| vec![key]).unwrap()
});

/// The tables below `data/lexicon`, by their path below `data`.
fn lexicon_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/lexicon");
    let paths = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let tables = paths.filter(|path| path.extension().is_some_and(|extension| extension == "tsv"));
    let mut files: Vec<(String, String)> = tables
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("lexicon/{name}"), std::fs::read_to_string(&path).unwrap())
        })
        // The readings of short names and the items of stagings are of a vocabulary that these tests do not have.
        .map(|(name, text)| match text.lines().next() {
            Some(header)
                if matches!(
                    name.as_str(),
                    "lexicon/ambiguous.tsv" | "lexicon/reactions.tsv" | "lexicon/staging.tsv"
                ) =>
            {
                (name, format!("{header}\n"))
            }
            _ => (name, text),
        })
        .collect();
    files.sort();
    files
}

fn designations() -> Vec<Designation<'static>> {
    let names = [
        (
            TermKind::Test,
            "体温 BT 脈拍 HR 血圧 BP WBC CRP AST ALT SpO2 MMSE NRS Levine Hb K 抗核抗体 収縮期血圧 尿量",
        ),
        (TermKind::Drug, "アムロジピン CMZ PSL ロキソニン MTX"),
        (
            TermKind::Finding,
            "発熱 咳 咳嗽 頭痛 腹痛 嘔吐 下痢 せん妄 出血 疼痛 息切れ 食欲低下 後頭部痛 黄疸",
        ),
        (
            TermKind::Disease,
            "胃癌 糖尿病 前立腺癌 肺炎 心筋梗塞 喘息 虫垂炎",
        ),
        (TermKind::Procedure, "HD 手術 胃切除術 化学療法 血液透析"),
        (TermKind::Exam, "CT MRI 採血 胸部X線"),
        (TermKind::Site, "胃 肺 膝 前胸部"),
    ];
    let of_kind = |(kind, forms): &(TermKind, &'static str)| {
        let kind = *kind;
        let named = |(form, key): (&'static str, u32)| Designation {
            form: form.into(),
            kind,
            key,
            needs_value: false,
        };
        forms.split(' ').zip(0..).map(named).collect::<Vec<_>>()
    };
    names.iter().flat_map(of_kind).collect()
}

/// The day and the patient of most cases: a Sunday, and a person of 65 years.
fn context() -> ReadContext {
    ReadContext {
        date: Some("2026-11-22".parse().unwrap()),
        birth: Some("1961-04-03".parse().unwrap()),
    }
}

fn check(cases: &[(&str, &str)]) {
    check_with(&context(), cases);
}

/// Compares all cases before it fails, so that one run shows every difference.
fn check_with(context: &ReadContext, cases: &[(&str, &str)]) {
    let differs = |(text, wanted): &(&str, &str)| {
        let found = times_of(context, text);
        (found != *wanted).then(|| format!("{text}\n  wanted: {wanted}\n   found: {found}"))
    };
    let differences: Vec<String> = cases.iter().filter_map(differs).collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

fn times_of(context: &ReadContext, text: &str) -> String {
    let reading: Reading = READER.read(context, text);
    let chars: Vec<char> = text.chars().collect();
    let surface = |span: Span| {
        chars[span.start as usize..span.end as usize]
            .iter()
            .collect::<String>()
    };
    let times = reading
        .mentions
        .iter()
        .filter(|mention| mention.tag == Tag::Timex)
        .map(|mention| {
            let kind = format!("{:?}", mention.timex.unwrap()).to_lowercase();
            let time = mention.time.as_ref().map_or(String::from("-"), shown);
            format!("{} {kind} {time}", surface(mention.span))
        });
    let doubts = reading
        .doubts
        .iter()
        .map(|(span, code)| format!("[{code} {}]", surface(*span)));
    times.chain(doubts).collect::<Vec<_>>().join(" | ")
}

fn shown(time: &ClinicalTime) -> String {
    let from = time.from.map_or(String::new(), |from| {
        let is_midnight = from.hour() == 0 && from.minute() == 0;
        if is_midnight {
            from.date().to_string()
        } else {
            from.strftime("%Y-%m-%dT%H:%M").to_string()
        }
    });
    let to = time.to.map_or(String::new(), |to| {
        let is_end = to.hour() == 23 && to.minute() == 59;
        if is_end {
            to.date().to_string()
        } else {
            to.strftime("%Y-%m-%dT%H:%M").to_string()
        }
    });
    let ends = if from == to { from } else { format!("{from}..{to}") };
    let ends = if ends.is_empty() { String::from("?") } else { ends };
    let frame = match time.frame {
        TimeFrame::Within => "",
        TimeFrame::Since => " since",
        TimeFrame::Until => " until",
    };
    format!("{ends} {}{frame}", format!("{:?}", time.precision).to_lowercase())
}
