//! The XHTML of a narrative: nothing that acts, only what R4 allows (`data/fhir/narrative.tsv`), and something in it.

use rustc_hash::{FxHashMap, FxHashSet};
use tsumugi_tables::{Mistake, Source, Table};

/// Namespace of the outermost element.
const XHTML: &str = "http://www.w3.org/1999/xhtml";
/// Deepest nesting.
const DEEPEST: usize = 200;

/// Elements and their attributes.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    elements: FxHashMap<Box<str>, FxHashSet<Box<str>>>,
    everywhere: FxHashSet<Box<str>>,
}

/// What is wrong with a narrative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Element(String),
    Attribute(String, String),
    Malformed(&'static str),
    Empty,
}

impl Allowed {
    /// Reads the table.
    pub(crate) fn read(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut allowed = Self::default();
        let path = "fhir/narrative.tsv";
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            mistakes.push(Mistake::new(path, 1, "the table is missing"));
            return allowed;
        };
        for row in Table::parse(*source, mistakes).rows() {
            let attributes = row.list("attributes").map(Into::into).collect();
            match row.get("element") {
                "*" => allowed.everywhere = attributes,
                element => {
                    allowed.elements.insert(element.into(), attributes);
                }
            }
        }
        allowed
    }
}

/// All faults of a narrative, each once.
pub(crate) fn faults(allowed: &Allowed, text: &str) -> Vec<Fault> {
    let mut reader = Reader {
        allowed,
        open: Vec::new(),
        has_content: false,
        faults: Vec::new(),
    };
    if let Err(reason) = reader.read(text) {
        reader.tell(Fault::Malformed(reason));
    } else if !reader.has_content {
        reader.tell(Fault::Empty);
    }
    reader.faults
}

struct Reader<'r, 't> {
    allowed: &'r Allowed,
    open: Vec<&'t str>,
    has_content: bool,
    faults: Vec<Fault>,
}

impl<'t> Reader<'_, 't> {
    fn tell(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn read(&mut self, text: &'t str) -> Result<(), &'static str> {
        let mut rest = text.trim();
        let mut is_first = true;
        while !rest.is_empty() {
            let (content, tag) = rest
                .split_at_checked(rest.find('<').unwrap_or(rest.len()))
                .unwrap_or((rest, ""));
            self.content(content)?;
            if tag.is_empty() {
                break;
            }
            if self.open.is_empty() && !is_first {
                return Err("something stands behind the outermost element");
            }
            rest = if let Some(comment) = tag.strip_prefix("<!--") {
                comment.split_once("-->").ok_or("a comment does not end")?.1
            } else if let Some(end) = tag.strip_prefix("</") {
                self.close(end)?
            } else if tag.starts_with("<!") || tag.starts_with("<?") {
                return Err("a declaration or instruction");
            } else {
                let behind = self.start(tag, is_first)?;
                is_first = false;
                behind
            };
        }
        if is_first {
            return Err("the outermost element is missing");
        }
        if self.open.is_empty() {
            Ok(())
        } else {
            Err("an element does not end")
        }
    }

    fn content(&mut self, content: &str) -> Result<(), &'static str> {
        if content.is_empty() {
            return Ok(());
        }
        let is_blank = content.trim().is_empty();
        if self.open.is_empty() && !is_blank {
            return Err("text outside of the outermost element");
        }
        self.has_content |= !is_blank;
        check_entities(content)
    }

    fn close(&mut self, end: &'t str) -> Result<&'t str, &'static str> {
        let (name, behind) = end.split_once('>').ok_or("a tag does not end")?;
        if self.open.pop() == Some(name.trim_end()) {
            Ok(behind)
        } else {
            Err("an element ends that was not the last to begin")
        }
    }

    fn start(&mut self, tag: &'t str, is_first: bool) -> Result<&'t str, &'static str> {
        let inside = tag.strip_prefix('<').unwrap_or(tag);
        let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
        let (name, mut rest) = inside
            .split_at_checked(end.ok_or("a tag does not end")?)
            .unwrap_or((inside, ""));
        if name.is_empty() {
            return Err("a sign < that begins no tag");
        }
        if is_first && name != "div" {
            return Err("the outermost element must be div");
        }
        let known = self.allowed.elements.get(name);
        if known.is_none() {
            self.tell(Fault::Element(name.to_owned()));
        }
        self.has_content |= name == "img";
        let mut has_namespace = false;
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix("/>") {
                if is_first && !has_namespace {
                    return Err("the outermost element is not of XHTML's namespace");
                }
                return Ok(behind);
            }
            if let Some(behind) = rest.strip_prefix('>') {
                if is_first && !has_namespace {
                    return Err("the outermost element is not of XHTML's namespace");
                }
                self.open.push(name);
                return if self.open.len() > DEEPEST {
                    Err("nested too deep")
                } else {
                    Ok(behind)
                };
            }
            let (attribute, value, behind) = attribute_of(rest)?;
            rest = behind;
            check_entities(value)?;
            has_namespace |= attribute == "xmlns" && value == XHTML;
            let is_known = self.allowed.everywhere.contains(attribute)
                || known.is_none_or(|known| known.contains(attribute))
                || (attribute == "xmlns" && value == XHTML);
            let acts = value.trim_start().to_ascii_lowercase().starts_with("javascript:");
            if !is_known || acts {
                self.tell(Fault::Attribute(name.to_owned(), attribute.to_owned()));
            }
        }
    }
}

/// Name, value, and what stands behind.
fn attribute_of(text: &str) -> Result<(&str, &str, &str), &'static str> {
    let (name, behind) = text.split_once('=').ok_or("an attribute without a value")?;
    let behind = behind.trim_start();
    let sign = behind.chars().next().filter(|sign| "\"'".contains(*sign));
    let sign = sign.ok_or("the value of an attribute is not quoted")?;
    let inside = behind.strip_prefix(sign).unwrap_or("");
    let (value, rest) = inside
        .split_once(sign)
        .ok_or("the value of an attribute does not end")?;
    let name = name.trim_end();
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c));
    if name.is_empty() || !is_name || value.contains('<') {
        return Err("an attribute that cannot be read");
    }
    Ok((name, value, rest))
}

/// Every `&` begins an entity.
fn check_entities(text: &str) -> Result<(), &'static str> {
    for behind in text.split('&').skip(1) {
        let name = behind.split_once(';').map_or("", |(name, _)| name);
        let digits = name
            .strip_prefix('#')
            .map(|digits| digits.strip_prefix('x').unwrap_or(digits));
        let is_right = match digits {
            Some(digits) => !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()),
            None => !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
        };
        if !is_right {
            return Err("a sign & that begins no entity");
        }
    }
    Ok(())
}
