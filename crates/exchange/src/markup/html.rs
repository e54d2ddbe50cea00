//! HTML as a person reads it: blocks become lines, cells are apart, character references are resolved. No page is shown,
//! so nothing of a script or a style counts.

/// Elements that begin and end a line.
const BLOCKS: [&str; 20] = [
    "p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section",
    "pre", "dt", "dd", "title",
];
/// Elements whose contents are no text.
const SILENT: [&str; 3] = ["script", "style", "head"];
/// Longest name of a character reference.
const LONGEST_REFERENCE: usize = 10;

/// Whether a text is HTML.
pub(crate) fn is_html(text: &str) -> bool {
    let start = text.trim_start();
    let head: String = start.chars().take(200).collect::<String>().to_ascii_lowercase();
    head.starts_with("<!doctype html")
        || head.contains("<html")
        || head.starts_with("<body")
        || head.starts_with("<p>")
}

/// The text of HTML. Total: what is no tag is text.
pub(crate) fn html_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('<') {
        push_text(before, &mut out);
        if let Some(comment) = behind.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let is_tag = behind
            .starts_with(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '/' | '!' | '?'));
        if !is_tag {
            out.push('<');
            rest = behind;
            continue;
        }
        let Some((tag, after)) = behind.split_once('>') else {
            // No tag ends any more: all of it is text.
            out.push('<');
            push_words(behind, &mut out);
            rest = "";
            break;
        };
        rest = after;
        let is_end = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        if SILENT.contains(&name.as_str()) && !is_end && !tag.ends_with('/') {
            rest = behind_end(after, &name);
        } else if BLOCKS.contains(&name.as_str()) {
            new_line(&mut out);
        } else if matches!(name.as_str(), "td" | "th") && !is_end && !out.is_empty() && !out.ends_with('\n') {
            out.push(' ');
        }
    }
    push_text(rest, &mut out);
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

fn new_line(out: &mut String) {
    while out.ends_with(' ') {
        out.pop();
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// What follows the end of an element.
fn behind_end<'t>(text: &'t str, name: &str) -> &'t str {
    for (at, _) in text.match_indices("</") {
        let end = text.get(at + 2..).unwrap_or("");
        let is_it = end
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_it {
            return end.split_once('>').map_or("", |(_, after)| after);
        }
    }
    ""
}

/// Text with references resolved and blanks joined.
fn push_text(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        push_words(before, out);
        let end = behind
            .bytes()
            .take(LONGEST_REFERENCE + 1)
            .position(|byte| byte == b';');
        let name = end.and_then(|end| behind.get(..end));
        if let Some((name, letter)) = name.and_then(|name| Some((name, reference(name)?))) {
            out.push(letter);
            rest = behind.get(name.len() + 1..).unwrap_or("");
        } else {
            out.push('&');
            rest = behind;
        }
    }
    push_words(rest, out);
}

fn push_words(text: &str, out: &mut String) {
    for letter in text.chars() {
        if letter != '\u{3000}' && letter.is_whitespace() {
            if !out.is_empty() && !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
        } else {
            out.push(letter);
        }
    }
}

fn reference(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "deg" => '\u{B0}',
        "micro" => '\u{B5}',
        "plusmn" => '\u{B1}',
        "times" => '\u{D7}',
        "ge" => '\u{2265}',
        "le" => '\u{2264}',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number).filter(|letter| *letter != '\0')?
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "the texts are Japanese")]

    use super::*;

    #[test]
    fn pages() {
        for (html, text) in [
            (
                "<html><head><title>x</title></head><body><p>発熱<br>咳</p></body></html>",
                "発熱\n咳",
            ),
            (
                "<table><tr><td>Na</td><td>140</td></tr><tr><td>K</td><td>4.0</td></tr></table>",
                "Na 140\nK 4.0",
            ),
            (
                "CRP &lt; 0.3 &amp; BT &gt;38&#8451; &unknown;",
                "CRP < 0.3 & BT >38℃ &unknown;",
            ),
            ("a < b と <b>c</b>", "a < b と c"),
            ("<script>if (a<b) {}</script>文", "文"),
            ("<style>", ""),
            ("<!-- <p> -->文<!--", "文"),
            ("  発熱  \n  あり ", "発熱 あり"),
        ] {
            assert_eq!(html_text(html), text, "{html}");
        }
    }
}
