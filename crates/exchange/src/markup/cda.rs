//! CDA R2 documents: whose, which kind, when, by whom, and the text of their sections.

use super::html::{html_text, is_html};
use crate::charset::{decode, guess};
use crate::hl7v2::{When, unbase64, when};
use roxmltree::{Document, Node, NodeType, ParsingOptions};

/// Deepest nesting that is read.
const DEEPEST: usize = 200;
/// Most attributes of an element: they are compared with each other.
const MOST_ATTRIBUTES: usize = 500;
/// Most declarations of namespaces.
const MOST_NAMESPACES: usize = 1_000;
/// Most nodes.
const MOST_NODES: u32 = 2_000_000;

/// What a CDA document says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cda {
    /// Numbers of the patient: root, extension.
    pub(crate) numbers: Vec<(String, String)>,
    /// Name of the patient.
    pub(crate) name: String,
    /// Administrative gender code (M, F).
    pub(crate) sex: String,
    /// Date of birth as written.
    pub(crate) birth: String,
    /// Number of the document: root, extension.
    pub(crate) id: (String, String),
    /// LOINC code and its display; empty when the code is of another system.
    pub(crate) kind: (String, String),
    /// Title.
    pub(crate) title: String,
    /// When it was written.
    pub(crate) written: Option<When>,
    /// Who wrote it.
    pub(crate) author: String,
    /// The text.
    pub(crate) text: String,
    /// A part that is no text (`application/pdf`).
    pub(crate) binary: Option<String>,
}

/// Reads a document that is decoded already.
///
/// # Errors
/// Why it is no CDA document: a line where one is known, and words.
pub(crate) fn cda(xml: &str) -> Result<Cda, (Option<u32>, String)> {
    if let Some(why) = excess(xml) {
        return Err((None, why));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options).map_err(|error| {
        (
            Some(error.pos().row),
            format!("this is no well-formed XML ({error})"),
        )
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "ClinicalDocument" {
        return Err((Some(1), "the root element is not ClinicalDocument".to_owned()));
    }
    let mut read = Cda {
        id: child(root, "id").map(identifier).unwrap_or_default(),
        title: child(root, "title").map(narrative).unwrap_or_default(),
        written: child(root, "effectiveTime")
            .and_then(|time| time.attribute("value"))
            .and_then(|time| when(time).ok().flatten()),
        ..Cda::default()
    };
    if let Some(code) =
        child(root, "code").filter(|code| code.attribute("codeSystem") == Some("2.16.840.1.113883.6.1"))
    {
        let attribute = |name: &str| code.attribute(name).unwrap_or("").to_owned();
        read.kind = (attribute("code"), attribute("displayName"));
    }
    if let Some(role) = path(root, &["recordTarget", "patientRole"]) {
        read.numbers = role
            .children()
            .filter(|node| node.has_tag_name_of("id"))
            .map(identifier)
            .collect();
        if let Some(patient) = child(role, "patient") {
            read.name = child(patient, "name").map(one_line).unwrap_or_default();
            let attribute = |element: &str, name: &str| {
                child(patient, element)
                    .and_then(|node| node.attribute(name))
                    .unwrap_or("")
                    .to_owned()
            };
            read.sex = attribute("administrativeGenderCode", "code");
            read.birth = attribute("birthTime", "value");
        }
    }
    read.author = path(root, &["author", "assignedAuthor", "assignedPerson", "name"])
        .map(one_line)
        .unwrap_or_default();
    if let Some(body) = path(root, &["component", "structuredBody"]) {
        read.text = sections(body);
    } else if let Some(text) = path(root, &["component", "nonXMLBody", "text"]) {
        attached(text, &mut read);
    }
    Ok(read)
}

trait Named {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl Named for Node<'_, '_> {
    /// Elements are told by their local names: real documents use every prefix.
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn child<'a, 'x>(node: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    node.children().find(|child| child.has_tag_name_of(name))
}

fn path<'a, 'x>(node: Node<'a, 'x>, names: &[&str]) -> Option<Node<'a, 'x>> {
    names.iter().try_fold(node, |node, name| child(node, name))
}

fn identifier(node: Node<'_, '_>) -> (String, String) {
    let attribute = |name: &str| node.attribute(name).unwrap_or("").to_owned();
    (attribute("root"), attribute("extension"))
}

fn one_line(node: Node<'_, '_>) -> String {
    let text = narrative(node);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Titles and texts of all sections, in their order.
fn sections(body: Node<'_, '_>) -> String {
    let mut out = String::new();
    // A text inside a text was read with the outer one.
    let mut read_to = 0;
    for node in body.descendants().filter(Node::is_element) {
        if node.range().start < read_to {
            continue;
        }
        let is_of_section = node
            .parent()
            .is_some_and(|parent| parent.has_tag_name_of("section"));
        if is_of_section && (node.has_tag_name_of("title") || node.has_tag_name_of("text")) {
            let text = narrative(node);
            read_to = node.range().end;
            if !text.is_empty() {
                out.push_str(&text);
                out.push('\n');
            }
        }
    }
    out.trim_end().to_owned()
}

/// The text of an element: paragraphs, items, rows and breaks are lines, cells are apart.
fn narrative(node: Node<'_, '_>) -> String {
    let mut out = String::new();
    // The tree is shallow (checked before), and `descendants` walks it without recursion.
    for part in node.descendants() {
        match part.node_type() {
            NodeType::Text => out.push_str(part.text().unwrap_or("")),
            NodeType::Element => match part.tag_name().name() {
                "paragraph" | "item" | "tr" | "br" | "list" | "table" | "caption" => out.push('\n'),
                "td" | "th" => out.push(' '),
                _ => {}
            },
            _ => {}
        }
    }
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn attached(text: Node<'_, '_>, read: &mut Cda) {
    let media = text.attribute("mediaType").unwrap_or("text/plain").to_owned();
    let written: String = text
        .descendants()
        .filter_map(|node| if node.is_text() { node.text() } else { None })
        .collect();
    let is_base64 = text.attribute("representation") == Some("B64");
    if !media.starts_with("text/") {
        read.binary = Some(media);
        return;
    }
    let body = match (is_base64, unbase64(&written)) {
        (true, Some(bytes)) => decode(&bytes, guess(&bytes)).text,
        (true, None) => {
            read.binary = Some("Base64 that cannot be decoded".to_owned());
            return;
        }
        (false, _) => written,
    };
    read.text = if media == "text/html" || is_html(&body) {
        html_text(&body)
    } else {
        body
    };
}

/// What a document has too much of, before the parser spends its stack and time on it: depth, attributes of an element,
/// namespaces.
fn excess(xml: &str) -> Option<String> {
    if xml.matches("xmlns").nth(MOST_NAMESPACES).is_some() {
        return Some(format!(
            "there are more than {MOST_NAMESPACES} declarations of namespaces"
        ));
    }
    let mut depth = 0_usize;
    for piece in xml.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or(piece);
        match tag.as_bytes().first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') => {}
            _ if tag.ends_with('/') => {}
            _ => depth += 1,
        }
        if depth > DEEPEST {
            return Some(format!("elements are nested deeper than {DEEPEST}"));
        }
        // A > may stand in a value: all up to the next element is looked at.
        if piece.matches("=\"").nth(MOST_ATTRIBUTES).is_some()
            || piece.matches("='").nth(MOST_ATTRIBUTES).is_some()
        {
            return Some(format!("an element has more than {MOST_ATTRIBUTES} attributes"));
        }
    }
    None
}
