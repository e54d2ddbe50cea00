//! The tables by which texts are read: which heading opens what, and which words say how strongly; and a text cut at its
//! headings.

use tsumugi_tables::{Source, Table};
use unicode_normalization::UnicodeNormalization as _;

/// The tables of `knowledge/reading`.
#[derive(Debug, Default)]
pub(crate) struct ReadingRules {
    parts: Vec<(String, String)>,
    cues: Vec<(String, String)>,
}

/// A stretch of the text under one heading.
pub(super) struct Part<'t> {
    /// What it states.
    pub(super) kind: String,
    /// The heading, as the text has it.
    pub(super) section: String,
    /// Its first character in the text.
    pub(super) start: u32,
    pub(super) text: &'t str,
}

impl ReadingRules {
    /// Reads the tables.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let mut rules = Self::default();
        for source in sources {
            let (list, column) = match source.path {
                "knowledge/reading/parts.tsv" => (&mut rules.parts, "kind"),
                "knowledge/reading/cues.tsv" => (&mut rules.cues, "says"),
                _ => continue,
            };
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                list.push((folded(row.get("form")), row.get(column).to_owned()));
            }
        }
        for list in [&mut rules.parts, &mut rules.cues] {
            list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        rules
    }

    fn part(&self, heading: &str) -> Option<&str> {
        let heading = folded(heading);
        let whole = heading.trim_start_matches(|c: char| c.is_ascii_digit() || ". ".contains(c));
        let found = self
            .parts
            .iter()
            .filter(|(form, _)| !form.starts_with('<'))
            .find(|(form, _)| match form.strip_prefix('=') {
                Some(form) => whole == form,
                None => heading.contains(form.as_str()),
            });
        found.map(|(_, kind)| kind.as_str())
    }

    fn element(&self, name: &str) -> Option<&str> {
        let name = format!("<{}", name.to_ascii_lowercase());
        let found = self
            .parts
            .iter()
            .find(|(form, _)| name.starts_with(form.as_str()));
        found.map(|(_, kind)| kind.as_str())
    }

    /// Whether a text begins with a word for patients that are counted (例).
    pub(super) fn counts_patients(&self, text: &str) -> bool {
        let mut words = self.cues.iter().filter(|(_, says)| says == "patients");
        words.any(|(form, _)| text.starts_with(form.as_str()))
    }

    /// What the words of a sentence say; each word counts once, the longest first.
    pub(super) fn says(&self, sentence: &str) -> Vec<&str> {
        let mut rest = folded(sentence);
        let mut said = Vec::new();
        for (form, says) in &self.cues {
            if rest.contains(form.as_str()) {
                said.push(says.as_str());
                rest = rest.replace(form.as_str(), " ");
            }
        }
        said
    }
}

/// Width and case as the tables have them.
pub(super) fn folded(text: &str) -> String {
    text.nfkc().collect::<String>().to_ascii_lowercase()
}

/// The text of an insert's XML with a heading line before each part that the tables know; other files as they are.
pub(crate) fn text_of(rules: &ReadingRules, contents: &str) -> Result<String, String> {
    if !contents.trim_start().starts_with('<') {
        return Ok(contents.replace("\r\n", "\n"));
    }
    let document = roxmltree::Document::parse(contents).map_err(|error| error.to_string())?;
    let mut text = String::new();
    // In the order of the document and without recursion, which deep nesting would exhaust.
    for node in document.descendants() {
        if let Some(kind) = rules.element(node.tag_name().name()) {
            text.extend(["\n[", kind, "]\n"]);
        } else if node.is_text()
            && let Some(words) = node.text().map(str::trim).filter(|words| !words.is_empty())
        {
            text.push_str(words);
            text.push('\n');
        }
    }
    Ok(text)
}

/// The longest line that can be a heading, in characters.
const HEADING: usize = 24;

/// What stands before the first heading of an insert: there it names its drug.
pub(super) const PREFACE: &str = "preface";

/// Cuts a text at its headings; `kind` holds before the first.
pub(super) fn parts<'t>(rules: &ReadingRules, kind: &str, text: &'t str) -> Vec<Part<'t>> {
    let first = match kind {
        "guideline" => "recommendation",
        "abstract" => "result",
        "insert" => PREFACE,
        _ => "none",
    };
    let mut parts = vec![Part {
        kind: first.to_owned(),
        section: String::new(),
        start: 0,
        text: "",
    }];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let marked = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_short = !bare.is_empty() && bare.chars().count() <= HEADING;
        let heading = match marked {
            Some(kind) => Some(kind.to_owned()),
            None if is_short => rules.part(bare).map(ToOwned::to_owned),
            None => None,
        };
        let length = line.chars().count() as u32;
        let section = match (&heading, parts.last()) {
            (Some(_), _) => bare.to_owned(),
            (None, last) => last.map(|part| part.section.clone()).unwrap_or_default(),
        };
        parts.push(Part {
            section,
            kind: heading
                .clone()
                .or_else(|| parts.last().map(|part| part.kind.clone()))
                .unwrap_or_default(),
            start: at,
            text: if heading.is_some() { "" } else { line },
        });
        at += length;
    }
    parts.retain(|part| !part.text.trim().is_empty() && part.kind != "none");
    parts
}

/// What kind of text it is, where nobody says so: what its headings and words tell.
pub(crate) fn guess(rules: &ReadingRules, text: &str) -> &'static str {
    let lines = text.lines().map(str::trim);
    let is_of_insert = |line: &&str| {
        let marked = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_short = line.chars().count() <= HEADING;
        let kind = marked.or_else(|| rules.part(line).filter(|_| is_short));
        kind.is_some_and(|kind| !matches!(kind, "recommendation" | "result" | "none"))
    };
    if lines.filter(is_of_insert).count() > 0 {
        return "insert";
    }
    let recommends = |word: &&str| word.starts_with("recommend") || word.starts_with("against");
    if rules.says(text).iter().any(recommends) {
        return "guideline";
    }
    "abstract"
}
