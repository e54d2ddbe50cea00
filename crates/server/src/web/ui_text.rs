//! The texts of the screens, looked up by key in `data/ui/{ja,en}`; no sentence stands in code.

use std::collections::BTreeMap;
use tsumugi_tables::{Source, Table};

/// Language of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// Japanese.
    #[default]
    Japanese,
    /// English.
    English,
}

impl Language {
    /// The language tag, which is also the folder of its texts.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// Reads a tag; anything else is Japanese.
    pub(crate) fn of(tag: &str) -> Self {
        if tag == "en" {
            Self::English
        } else {
            Self::Japanese
        }
    }
}

/// All texts of both languages.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    japanese: BTreeMap<String, String>,
    english: BTreeMap<String, String>,
}

impl Texts {
    /// Reads the tables below `ui/`.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let read = |folder: &str| {
            let mut texts = BTreeMap::new();
            for source in sources.iter().filter(|source| source.path.starts_with(folder)) {
                // Mistakes of the tables are found by their own test; here a missing text shows its key.
                let table = Table::parse(*source, &mut Vec::new());
                texts.extend(
                    table
                        .rows()
                        .map(|row| (row.get("key").to_owned(), row.get("text").to_owned())),
                );
            }
            texts
        };
        Self {
            japanese: read("ui/ja/"),
            english: read("ui/en/"),
        }
    }

    /// The texts of one language.
    pub(crate) fn of(&self, language: Language) -> Ui<'_> {
        let texts = match language {
            Language::Japanese => &self.japanese,
            Language::English => &self.english,
        };
        Ui { texts, language }
    }
}

/// The texts of one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui<'a> {
    texts: &'a BTreeMap<String, String>,
    /// Which language.
    pub(crate) language: Language,
}

impl<'a> Ui<'a> {
    /// The text of a key; the key itself where a table lacks it (a test finds those).
    pub(crate) fn t(&self, key: &'a str) -> &'a str {
        self.get(key).unwrap_or(key)
    }

    /// The text of a key, if it has one.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.texts.get(key).map(String::as_str)
    }

    /// The text of `group.name`, or the name where the tables do not know it.
    pub(crate) fn of(&self, group: &str, name: &str) -> String {
        self.get(&format!("{group}.{name}")).unwrap_or(name).to_owned()
    }

    /// The text of a key with `{name}` replaced.
    pub(crate) fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let text = self.get(key).unwrap_or(key).to_owned();
        values.iter().fold(text, |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// Texts whose key begins with a prefix, for an island, as a JSON object.
    pub(crate) fn below(&self, prefix: &str) -> serde_json::Value {
        let texts = self.texts.iter().filter(|(key, _)| key.starts_with(prefix));
        serde_json::Value::Object(
            texts
                .map(|(key, text)| (key.clone(), text.clone().into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use tsumugi_terminology::{embedded_files, sources_of};

    /// Keys that code composes: every word of these groups must have a text.
    const COMPOSED: &[(&str, &[&str])] = &[
        ("launch", &["expired", "forged", "replayed", "too-far"]),
        ("standing", &["departments", "teams", "attending", "own"]),
        ("nav", &["emergencies", "exports", "policy", "users"]),
        (
            "note",
            &[
                "nursing",
                "pharmacy",
                "report",
                "rehabilitation",
                "nutrition",
                "referral",
            ],
        ),
        (
            "kind",
            &[
                "condition",
                "finding",
                "measurement",
                "medication",
                "procedure",
                "examination",
                "allergy",
                "lifestyle",
                "preference",
                "immunization",
            ],
        ),
        ("polarity", &["present", "absent"]),
        ("certainty", &["asserted", "suspected", "general"]),
        ("experiencer", &["patient", "family", "other"]),
        ("phase", &["current", "past", "planned", "stopped"]),
        ("side", &["left", "right", "both"]),
        ("sex", &["male", "female", "unknown"]),
        (
            "note",
            &[
                "outpatient",
                "emergency",
                "consultation",
                "progress",
                "discharge",
                "admission",
                "home-visit",
                "nursing",
                "referral",
            ],
        ),
        ("flag", &["low", "high", "normal", "positive", "negative"]),
        ("source", &["laboratory", "order"]),
        ("reason", &["original", "addendum", "correction"]),
        ("range", &["all", "5y", "1y", "3m", "1m", "notes"]),
        (
            "lane",
            &[
                "problem",
                "drug",
                "test",
                "finding",
                "care",
                "background",
                "document",
            ],
        ),
        ("doubt", &["impossible-date"]),
        (
            "term-kind",
            &[
                "disease",
                "finding",
                "normal",
                "drug",
                "drug-class",
                "test",
                "exam",
                "procedure",
                "site",
                "allergen",
                "circumstance",
            ],
        ),
        ("term-by", &["name", "reading", "romaji", "english", "code"]),
        ("term-how", &["exact", "beginning", "inside", "alike", "near"]),
        (
            "statement",
            &[
                "adverse-effect",
                "cause",
                "contraindication",
                "cross-allergy",
                "dose",
                "finding",
                "indication",
                "interaction",
                "organ-dose",
                "recommendation",
                "reproduction",
            ],
        ),
        ("verdict", &["accepted", "corrected", "rejected", "retracted"]),
        (
            "oidc",
            &[
                "administers",
                "away",
                "denied",
                "no-account",
                "none",
                "other-person",
                "role",
                "state",
                "token",
            ],
        ),
        (
            "smart",
            &[
                "choose",
                "first-run",
                "launched",
                "redirect",
                "repeated",
                "unknown-app",
            ],
        ),
        (
            "smart.scope",
            &[
                "fhirUser",
                "launch",
                "launch-patient",
                "offline_access",
                "online_access",
                "openid",
            ],
        ),
        ("smart.level", &["patient", "system", "user"]),
        ("smart.letter", &["r", "s"]),
        ("apps.method", &["client_secret_basic", "none", "private_key_jwt"]),
        ("apps.kind-of", &["keys", "public", "secret"]),
        (
            "apps.field",
            &["account", "id", "jwks", "launch", "name", "redirects", "scopes"],
        ),
        ("text-kind", &["abstract", "guideline", "insert"]),
        ("read", &["none-abstract", "none-guideline", "none-insert"]),
        (
            "error",
            &[
                "denied",
                "signed-out",
                "not-found",
                "full",
                "locked",
                "damaged",
                "conflict",
                "invalid",
                "store",
                "number-taken",
                "patient-fields",
                "birth",
            ],
        ),
        (
            "timeline.lane",
            &[
                "all",
                "background",
                "care",
                "device",
                "disease",
                "document",
                "drug",
                "encounter",
                "finding",
                "test",
            ],
        ),
        (
            "timeline.kind",
            &[
                "care",
                "claim",
                "noted",
                "past",
                "stay",
                "stop",
                "supply",
                "suspected",
                "visit",
            ],
        ),
        (
            "timeline.is",
            &[
                "absent",
                "claim",
                "own",
                "past",
                "planned",
                "stopped",
                "suspected",
            ],
        ),
        ("timeline.level", &["high", "low", "negative", "positive"]),
        (
            "timeline.span",
            &["10y", "1d", "1h", "1m", "1w", "1y", "3m", "5y"],
        ),
        ("timeline.do", &["all", "back", "forth", "in", "out"]),
        ("timeline.sign", &["all", "back", "forth", "in", "out"]),
        (
            "timeline.column",
            &["count", "name", "reference", "remarks", "time", "topic", "values"],
        ),
        ("timeline.encounter", &["AMB", "EMER", "HH", "IMP", "VR"]),
        ("genes", &["diplotype", "drugs", "gene", "phenotype", "source"]),
        ("genes.from", &["typed", "vcf"]),
        (
            "harms",
            &[
                "by",
                "causality",
                "drug",
                "event",
                "onset",
                "outcome",
                "seriousness",
                "verdict",
            ],
        ),
        ("phenotypes", &["disease", "first", "last", "standing"]),
        ("wish-basis", &["best-interest", "own", "presumed", "unstated"]),
        ("wish-party", &["family", "patient", "proxy", "team"]),
        ("consent-answer", &["yes", "no", "ask-each-time"]),
        (
            "consent-purpose",
            &[
                "care",
                "commercial",
                "knowledge",
                "operation",
                "provision",
                "research",
            ],
        ),
        (
            "institution",
            &["academic", "certified-maker", "company", "medical", "own"],
        ),
        (
            "stands",
            &["answered", "changed", "open", "partly", "refused", "withdrawn"],
        ),
        (
            "export-form",
            &[
                "anonymised-table",
                "coded-facts",
                "personal",
                "pseudonymised-table",
                "reviewed-text",
            ],
        ),
        (
            "export-field",
            &[
                "again",
                "columns",
                "form",
                "format",
                "from",
                "k",
                "l",
                "sensitive",
                "suppress",
                "t",
                "to",
            ],
        ),
        ("export-state", &["aborted", "delivered", "marked", "running"]),
        ("code-refusal", &["expired", "too-many-tries", "unknown", "used"]),
        (
            "my-record",
            &["allergies", "care", "diagnoses", "drugs", "results"],
        ),
        ("study", &["full-text", "one-line", "one-page"]),
        (
            "study-field",
            &[
                "basis",
                "committee",
                "ends_at",
                "kind_of_institution",
                "maker",
                "notice_at",
                "provider",
                "purpose",
                "recipients",
                "until",
            ],
        ),
        (
            "relative",
            &[
                "aunt",
                "brother",
                "child",
                "cousin",
                "daughter",
                "family",
                "father",
                "grandchild",
                "grandfather",
                "grandmother",
                "grandparent",
                "mother",
                "other",
                "parent",
                "relative",
                "sibling",
                "sister",
                "son",
                "spouse",
                "uncle",
            ],
        ),
    ];

    fn files(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files(&path, out);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "ts")
            {
                out.push(path);
            }
        }
    }

    /// Keys that stand literally in the sources of the screens.
    fn literal_keys() -> Vec<String> {
        let base = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Vec::new();
        files(&base.join("src"), &mut sources);
        files(&base.join("../../web/src"), &mut sources);
        let mut keys = Vec::new();
        for path in sources {
            let text = std::fs::read_to_string(&path).unwrap();
            for call in [
                ".t(\"",
                ".fill(\"",
                " t(\"",
                "(t(\"",
                " fill(\"",
                "(fill(\"",
                "Bad(\"",
                "choice(\"",
            ] {
                keys.extend(
                    text.split(call)
                        .skip(1)
                        .filter_map(|rest| rest.split('"').next())
                        .map(str::to_owned),
                );
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    #[test]
    fn every_key_has_a_text_in_both_languages() {
        let files = embedded_files();
        let texts = Texts::new(&sources_of(&files));
        let composed = COMPOSED
            .iter()
            .flat_map(|(group, words)| words.iter().map(move |word| format!("{group}.{word}")));
        let mut missing = Vec::new();
        for key in literal_keys()
            .into_iter()
            .chain(composed)
            .filter(|key| key.contains('.'))
        {
            for language in [Language::Japanese, Language::English] {
                if texts.of(language).get(&key).is_none_or(str::is_empty) {
                    missing.push(format!("data/ui/{}: {key}", language.tag()));
                }
            }
        }
        assert!(missing.is_empty(), "missing texts:\n{}", missing.join("\n"));
    }

    /// The words of the policy that comes with the program, and of the audit trail, are shown by their texts.
    #[test]
    fn roles_restrictions_and_what_was_done_have_texts() {
        let policy = tsumugi_access::Policy::read(&tsumugi_access::PolicyText::default()).unwrap();
        let files = embedded_files();
        let texts = Texts::new(&sources_of(&files));
        let roles = policy.roles().iter().map(|role| format!("role.{role}"));
        let labels = policy.labels().iter().map(|label| format!("label.{label}"));
        let done = tsumugi_records::AuditSubtype::ALL
            .iter()
            .map(|subtype| format!("audit.{}", subtype.code()));
        for key in roles.chain(labels).chain(done) {
            for language in [Language::Japanese, Language::English] {
                assert!(texts.of(language).get(&key).is_some(), "{} {key}", language.tag());
            }
        }
    }

    #[test]
    fn every_kind_of_statement_has_its_words_in_both_languages() {
        use tsumugi_knowledge::{Cell, shapes};
        let files = embedded_files();
        let texts = Texts::new(&sources_of(&files));
        let mut keys = Vec::new();
        for shape in shapes() {
            keys.push(format!("statement.{}", shape.kind));
            for column in shape.columns {
                keys.push(format!("column.{}", column.name));
                if let Cell::Word(words) = column.cell {
                    let words = words.iter().filter(|word| !word.is_empty());
                    keys.extend(words.map(|word| format!("cell.{word}")));
                }
            }
        }
        for language in [Language::Japanese, Language::English] {
            let ui = texts.of(language);
            let missing: Vec<&String> = keys.iter().filter(|key| ui.get(key).is_none()).collect();
            assert!(missing.is_empty(), "{}: {missing:?}", language.tag());
        }
    }

    #[test]
    fn a_missing_text_shows_its_key() {
        // Put together, so that the search for literal keys does not find it.
        let key = ["no", "such"].join(".");
        assert_eq!(Texts::default().of(Language::English).t(&key), key);
    }
}
