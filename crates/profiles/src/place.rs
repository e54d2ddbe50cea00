//! Where in a resource one is, as FHIRPath.

use std::fmt::Write as _;

/// A step from an element to one inside it.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    name: &'a str,
    index: Option<usize>,
    /// The type of a choice (`value.ofType(Quantity)`).
    of_type: Option<&'a str>,
}

/// The way from the root to the element that is looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place<'a> {
    steps: Vec<Step<'a>>,
}

impl<'a> Place<'a> {
    /// Goes into an element; [`Place::leave`] comes back.
    pub(crate) fn enter(&mut self, name: &'a str, of_type: Option<&'a str>) {
        self.steps.push(Step {
            name,
            index: None,
            of_type,
        });
    }

    /// Says which of a list the present element is.
    pub(crate) fn at(&mut self, index: Option<usize>) {
        if let Some(last) = self.steps.last_mut() {
            last.index = index;
        }
    }

    /// Comes back to the element around.
    pub(crate) fn leave(&mut self) {
        self.steps.pop();
    }

    /// FHIRPath of the present element, with `below` behind it where it is not empty.
    pub(crate) fn text(&self, below: &str) -> String {
        let mut text = String::new();
        for step in &self.steps {
            push(&mut text, step.name);
            if let Some(of_type) = step.of_type {
                let _ = write!(text, ".ofType({of_type})");
            }
            if let Some(index) = step.index {
                let _ = write!(text, "[{index}]");
            }
        }
        if !below.is_empty() {
            push(&mut text, below);
        }
        text
    }
}

fn push(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.push_str(name);
}
