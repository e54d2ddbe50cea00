//! The keys of the input method: romaji of the reading by its shortest spelling; where something has to be converted,
//! one key for the conversion and one for the commit. Hiragana and marks are committed with what follows them.

use tsumugi_prediction::Keyboard;
use tsumugi_tables::to_hiragana;

/// Keys for a piece of text with its reading.
pub(super) fn cost(keyboard: &Keyboard, surface: &str, reading: &str) -> usize {
    if surface.is_empty() {
        return 0;
    }
    if surface == "\n" || is_direct(surface) {
        return surface.chars().count();
    }
    let typed = keyboard.keys(&to_hiragana(reading)).chars().count();
    typed + if needs_conversion(surface) { 2 } else { 0 }
}

/// Whether it is typed without the input method.
pub(super) fn is_direct(surface: &str) -> bool {
    surface.is_ascii()
}

/// Whether the input method has to convert: anything but hiragana, marks and what is typed as it stands.
fn needs_conversion(surface: &str) -> bool {
    let is_plain = |c: char| !c.is_alphanumeric() || ('\u{3041}'..='\u{309F}').contains(&c) || c.is_ascii();
    !surface.chars().all(is_plain)
}
