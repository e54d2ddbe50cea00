//! FHIR R4 that comes in: what is read, whose it is, that bytes stay as they were, and what is not readable.
#![expect(clippy::non_ascii_literal, reason = "patients and texts are Japanese")]

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod reading;

#[cfg(test)]
mod support {
    use tsumugi_exchange::fhir_in::{Form, Limits, read};
    use tsumugi_exchange::incoming::{Handed, Incoming, Problem};

    /// Everything that is handed out.
    pub(crate) fn all(bytes: &[u8], form: Form, limits: Limits) -> Vec<Handed> {
        let mut out = Vec::new();
        let mut input = bytes;
        read(&mut input, "f.json", form, limits, &mut |handed| {
            out.push(handed);
            true
        });
        out
    }

    pub(crate) fn statements(bytes: &[u8], form: Form) -> Vec<Incoming> {
        let handed = all(bytes, form, Limits::default());
        handed
            .into_iter()
            .filter_map(|handed| match handed {
                Handed::Statement(statement) => Some(*statement),
                _ => None,
            })
            .collect()
    }

    /// Problems of any severity, with the bytes of dead letters.
    pub(crate) fn problems(handed: &[Handed]) -> Vec<(&Problem, &[u8])> {
        handed
            .iter()
            .filter_map(|handed| match handed {
                Handed::Problem(problem) => Some((problem, &[][..])),
                Handed::Dead { problem, bytes } => Some((problem, bytes.as_slice())),
                Handed::Statement(_) => None,
            })
            .collect()
    }
}
