//! The site as issuer of patients' numbers: named once, known from then on.

use crate::{audit, chart};
use anyhow::bail;
use tsumugi_records::{AuditSubtype, Decision, Stamp, Store};

/// Under which the name is kept among the site's decisions.
const TOPIC: &str = "site";
const SUBJECT: &str = "facility";

/// The issuer of this site's own numbers: what was named now, else what was named before.
///
/// # Errors
/// When another name was given before: numbers would lead to other records than until now. When the store fails.
pub(crate) fn facility(store: &Store, given: Option<&str>, author: &str) -> anyhow::Result<Option<String>> {
    let earlier = store.decisions(TOPIC, Some(SUBJECT))?.pop().map(|one| one.body);
    let Some(given) = given else { return Ok(earlier) };
    match earlier {
        Some(earlier) if earlier != given => bail!(
            "facility {given}: this store's site is {earlier}; leave it out, or take the other site in without it"
        ),
        Some(earlier) => Ok(Some(earlier)),
        None if given.trim().is_empty() => bail!("facility: is empty; name the URI or code of this site"),
        None => {
            let stamp = Stamp {
                author: author.to_owned(),
                at: chart::moment(chart::now()),
            };
            let entry = audit::of_name(author, AuditSubtype::PolicyChange)?;
            store.audited(entry).decide(Decision {
                topic: TOPIC.to_owned(),
                subject: SUBJECT.to_owned(),
                body: given.to_owned(),
                stamp,
            })?;
            Ok(Some(given.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_named_once() {
        let store = Store::open_in_memory().unwrap();
        let named = |given| facility(&store, given, "test").map_err(|error| error.to_string());
        assert_eq!(named(None), Ok(None));
        assert!(named(Some(" ")).is_err());
        for given in [Some("urn:a"), None, Some("urn:a")] {
            assert_eq!(named(given), Ok(Some("urn:a".to_owned())));
        }
        let error = named(Some("urn:b")).unwrap_err();
        assert!(error.contains("urn:a") && error.contains("urn:b"), "{error}");
    }
}
