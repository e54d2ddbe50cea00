#![expect(clippy::non_ascii_literal, reason = "the texts are Japanese")]

use super::*;

fn check(bytes: &[u8], charset: Charset, text: &str, wrong: &[(usize, u32)]) {
    let decoded = decode(bytes, charset);
    assert_eq!(decoded.text, text);
    let places: Vec<_> = decoded
        .wrong
        .iter()
        .map(|wrong| (wrong.offset, wrong.line))
        .collect();
    assert_eq!(places, wrong, "{text}");
}

#[test]
fn jis_with_every_escape_that_hospitals_write() {
    let iso = Charset::Iso2022Jp;
    check(b"a\x1B$B4V|\x1B(B", iso, "a間\u{FFFD}", &[(6, 1)]);
    check(b"\x1B$B45<T\x1B(B|\x1B$BB@O:\x1B(B", iso, "患者|太郎", &[]);
    check(b"\x1B$@45<T\x1B(J~\\", iso, "患者~\\", &[]);
    check(b"\x1B(I68\x1B(B|\x0E68\x0F|\xB6\xB8", iso, "ｶｸ|ｶｸ|ｶｸ", &[]);
    check(b"\x1B$(D0!\x1B(B", iso, "丂", &[]);
    check(b"\x1B$B-!\x1B(B", iso, "①", &[]);
    check(b"\\M2442\\45<T\\C2842\\|", iso, "患者|", &[]);
    check(b"\x1B$B45<T\rPID|", iso, "患者\rPID|", &[]);
    check(
        b"PID\r\n\x1B$B\x7E\x7E\x1B(B|",
        iso,
        "PID\r\n\u{FFFD}|",
        &[(8, 2)],
    );
    check(b"\x1B*", iso, "\u{FFFD}*", &[(0, 1)]);
}

#[test]
fn a_line_that_stays_double_byte_is_told() {
    assert_eq!(decode(b"\x1B$B45<T\rPID|", Charset::Iso2022Jp).unclosed_count, 1);
}

#[test]
fn every_kanji_whose_second_byte_is_a_separator_survives() {
    for second in *b"|^~&\\" {
        let bytes = [b"\x1B$B0".as_slice(), &[second], b"\x1B(B|"].concat();
        let text = decode(&bytes, Charset::Iso2022Jp).text;
        assert_eq!(text.chars().count(), 2, "{text}");
        assert!(text.ends_with('|') && !text.starts_with('\u{FFFD}'), "{text}");
    }
}

#[test]
fn other_sets_tell_their_wrong_bytes() {
    check(b"\x8A\xB3\x8E\xD2 \x87\x40\xB1", Charset::Cp932, "患者 ①ｱ", &[]);
    check(
        b"\x8A\r\x8A\xB3\xFF",
        Charset::Cp932,
        "\u{FFFD}\r患\u{FFFD}",
        &[(0, 1), (4, 2)],
    );
    check(b"\xB4\xB5\xBC\xD4", Charset::EucJp, "患者", &[]);
    check("\u{FEFF}患者".as_bytes(), Charset::Utf8, "患者", &[]);
    check(b"a\xE6\x82", Charset::Utf8, "a\u{FFFD}", &[(1, 1)]);
}

#[test]
fn a_sites_own_character_is_replaced_and_counted() {
    let decoded = decode(b"\xF0\x40\x8A\xB3", Charset::Cp932);
    assert_eq!((decoded.text.as_str(), decoded.own_count), ("〓患", 1));
}

#[test]
fn bytes_say_what_they_are() {
    for (bytes, charset) in [
        (b"abc".as_slice(), Charset::Ascii),
        (b"\x1B$B45<T\x1B(B", Charset::Iso2022Jp),
        ("患者".as_bytes(), Charset::Utf8),
        (b"\x8A\xB3\x8E\xD2\x82\xCC\x94\x4D", Charset::Cp932),
        (b"\xB4\xB5\xBC\xD4\xA4\xCE\xC7\xAE", Charset::EucJp),
        (b"\xE6\x82\xA3\xE8\x80\x85\xE3", Charset::Utf8),
    ] {
        assert_eq!(guess(bytes), charset);
    }
}

#[test]
fn what_is_written_comes_back() {
    for (text, charset) in [
        ("abc", Charset::Ascii),
        ("患者 太郎", Charset::Iso2022Jp),
        ("髙橋 ｶﾅ −", Charset::Utf8),
        ("𠮷野", Charset::Utf8),
    ] {
        let (bytes, found) = encode(text);
        assert_eq!(found, charset, "{text}");
        assert_eq!(decode(&bytes, found).text, text);
    }
}
