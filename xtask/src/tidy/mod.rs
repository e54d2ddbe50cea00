//! What holds the house together: tables, layers, file lengths, licences, documents. Run by `cargo test` too.

mod files;
mod layers;
mod tables;

use std::path::Path;

/// All mistakes of the tree, sorted by check.
pub(crate) fn all(root: &Path) -> Vec<String> {
    let mut mistakes = tables::check(root);
    mistakes.extend(files::check(root));
    mistakes.extend(layers::check(root));
    mistakes.extend(crate::corpus::check(root));
    mistakes.extend(crate::licences::check(root));
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[track_caller]
    fn check(mistakes: &[String]) {
        assert!(
            mistakes.is_empty(),
            "{} mistakes:\n{}",
            mistakes.len(),
            mistakes.join("\n")
        );
    }

    #[test]
    fn tables_are_valid() {
        check(&tables::check(&root()));
    }

    #[test]
    fn files_are_short_and_documents_stand() {
        check(&files::check(&root()));
    }

    #[test]
    fn annotated_records_are_whole_and_the_test_split_is_frozen() {
        check(&crate::corpus::check(&root()));
    }

    #[test]
    fn dependencies_are_listed_with_licences_that_may_come_in() {
        check(&crate::licences::check(&root()));
    }

    #[test]
    fn crates_depend_only_downward() {
        check(&layers::check(&root()));
    }
}
