//! Bytes as text: UTF-8, or one of the two encodings that Japanese systems still write, with a note of which it was.

use encoding_rs::{ISO_2022_JP, SHIFT_JIS};

/// Text with the encoding it came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// Name of the encoding when it was not UTF-8.
    pub(crate) converted_from: Option<&'static str>,
}

/// Decodes bytes; an error names the first byte that fits no encoding.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let has_iso_2022_escape = bytes.windows(2).any(|pair| pair == b"\x1b$" || pair == b"\x1b(");
    if has_iso_2022_escape {
        let (text, _, broken) = ISO_2022_JP.decode(bytes);
        if !broken {
            return Ok(Decoded {
                text: text.into_owned(),
                converted_from: Some("ISO-2022-JP"),
            });
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded {
            text: text.trim_start_matches('\u{feff}').to_owned(),
            converted_from: None,
        }),
        Err(error) => {
            let (text, _, broken) = SHIFT_JIS.decode(bytes);
            if broken {
                let place = error.valid_up_to();
                return Err(format!(
                    "not UTF-8, CP932 or ISO-2022-JP (first unreadable byte at {place}); save the file as UTF-8"
                ));
            }
            Ok(Decoded {
                text: text.into_owned(),
                converted_from: Some("CP932"),
            })
        }
    }
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], text: &str, from: Option<&'static str>) {
        assert_eq!(
            decode(bytes),
            Ok(Decoded {
                text: text.to_owned(),
                converted_from: from
            })
        );
    }

    #[test]
    fn utf8_stays() {
        check("発熱".as_bytes(), "発熱", None);
    }

    #[test]
    fn cp932_is_converted_and_named() {
        let (bytes, _, _) = SHIFT_JIS.encode("発熱①");
        check(&bytes, "発熱①", Some("CP932"));
    }

    #[test]
    fn iso_2022_jp_is_converted_and_named() {
        let (bytes, _, _) = ISO_2022_JP.encode("発熱と咳嗽");
        check(&bytes, "発熱と咳嗽", Some("ISO-2022-JP"));
    }

    #[test]
    fn neither_is_refused_with_the_place() {
        let error = decode(b"abc\xff\xff\xff").unwrap_err();
        assert!(error.contains("at 3"), "{error}");
    }
}
