//! The kinds of statements that can be accepted, with their columns: those of the tables of the same facts.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Id of a concept.
    Concept,
    /// Ids of concepts, joined by `|`.
    Concepts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number, with its decimal point.
    Number,
    /// Words.
    Text,
}

/// A column of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name, that of the column in the tables.
    pub name: &'static str,
    /// What it holds.
    pub cell: Cell,
    /// What holds where nothing is said.
    pub default: &'static str,
}

/// A kind of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The word in the log.
    pub kind: &'static str,
    /// Its columns, in the order in which people read them.
    pub columns: &'static [Column],
}

const fn concept(name: &'static str) -> Column {
    column(name, Cell::Concept, "")
}

const fn number(name: &'static str) -> Column {
    column(name, Cell::Number, "")
}

const fn text(name: &'static str) -> Column {
    column(name, Cell::Text, "")
}

const fn word(name: &'static str, words: &'static [&'static str], default: &'static str) -> Column {
    column(name, Cell::Word(words), default)
}

const fn column(name: &'static str, cell: Cell, default: &'static str) -> Column {
    Column { name, cell, default }
}

const FREQUENCIES: &[&str] = &[
    "unknown",
    "very-rare",
    "rare",
    "uncommon",
    "common",
    "very-common",
];
const SEVERITIES: &[&str] = &["minor", "moderate", "serious", "contraindicated"];
const ACTIONS: &[&str] = &["none", "extend", "reduce", "avoid", "contraindicated"];
const CERTAINTIES: &[&str] = &["high", "moderate", "low", "very-low", "unknown"];

static SHAPES: &[Shape] = &[
    Shape {
        kind: "contraindication",
        columns: &[
            concept("drug"),
            concept("condition"),
            word("severity", &["contraindicated", "caution"], "contraindicated"),
        ],
    },
    Shape {
        kind: "indication",
        columns: &[concept("drug"), concept("condition")],
    },
    Shape {
        kind: "interaction",
        columns: &[
            concept("drug"),
            concept("partner"),
            word("severity", SEVERITIES, "moderate"),
        ],
    },
    Shape {
        kind: "cross-allergy",
        columns: &[
            concept("allergy"),
            concept("drug"),
            word("likelihood", &["low", "moderate", "high"], "moderate"),
        ],
    },
    Shape {
        kind: "organ-dose",
        columns: &[
            concept("drug"),
            word("organ", &["renal", "hepatic"], "renal"),
            word("measure", &["egfr", "ccr", "hemodialysis", "child-pugh"], "ccr"),
            text("from"),
            text("to"),
            word("action", ACTIONS, "reduce"),
            number("max_day"),
            text("unit"),
        ],
    },
    Shape {
        kind: "reproduction",
        columns: &[
            concept("drug"),
            word("situation", &["pregnancy", "lactation"], "pregnancy"),
            word(
                "level",
                &["compatible", "caution", "avoid", "contraindicated"],
                "caution",
            ),
        ],
    },
    Shape {
        kind: "adverse-effect",
        columns: &[
            concept("drug"),
            concept("effect"),
            word("frequency", FREQUENCIES, "unknown"),
            word("gravity", &["plain", "serious"], "plain"),
        ],
    },
    Shape {
        kind: "dose",
        columns: &[
            concept("drug"),
            text("route"),
            word("population", &["adult", "child"], "adult"),
            text("unit"),
            number("usual_low"),
            number("usual_high"),
            number("max_day"),
            number("max_single"),
            word("per", &["", "kg"], ""),
        ],
    },
    Shape {
        kind: "recommendation",
        columns: &[
            column("applies", Cell::Concepts, ""),
            column("what", Cell::Concepts, ""),
            word("direction", &["for", "against"], "for"),
            word("strength", &["strong", "weak", "none"], "none"),
            word("certainty", CERTAINTIES, "unknown"),
        ],
    },
    Shape {
        kind: "finding",
        columns: &[concept("disease"), concept("finding"), text("share")],
    },
    Shape {
        kind: "cause",
        columns: &[
            concept("disease"),
            concept("cause"),
            concept("effect"),
            word("role", &["core", "derived"], "derived"),
            word("strength", &["strong", "moderate", "weak"], "moderate"),
        ],
    },
];

/// All kinds.
pub fn shapes() -> &'static [Shape] {
    SHAPES
}

/// The kind of a word.
pub fn shape(kind: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.kind == kind)
}
