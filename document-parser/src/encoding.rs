//! Text of bytes in any encoding.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Bytes that are enough to guess an encoding.
const SAMPLE_BYTES: usize = 64 * 1024;
/// Start of an HTML document in which browsers search the encoding.
const META_BYTES: usize = 1024;

/// Returns the text of bytes, or `None` if they are not text.
///
/// The encoding is, in this order: that of the byte order mark; UTF-16 if every second byte of the beginning is zero; UTF-8 if the
/// bytes are valid; the declared one; that in the beginning of an HTML document; and otherwise the one that fits best,
/// which is mostly Windows-1252.
///
/// Line ends become `\n`. NUL characters become U+FFFD, because Postgres cannot store them.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> Option<String> {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => decode_as(encoding, bytes.get(length..).unwrap_or_default()),
        None => decode_without_mark(bytes, declared),
    };
    is_text(&text).then(|| normalize(&text))
}

/// Replaces what cannot be stored, and makes line ends uniform.
pub(crate) fn normalize(text: &str) -> String {
    let mut normalized = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\0' => normalized.push('\u{fffd}'),
            '\r' => {
                normalized.push('\n');
                let _ = characters.next_if_eq(&'\n');
            }
            other => normalized.push(other),
        }
    }
    normalized
}

fn decode_without_mark<'a>(bytes: &'a [u8], declared: Option<&str>) -> Cow<'a, str> {
    if let Some(encoding) = utf16(bytes) {
        return decode_as(encoding, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = declared.or_else(|| meta_charset(bytes)).unwrap_or_else(|| guess(bytes));
    decode_as(encoding, bytes)
}

fn decode_as<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Cow<'a, str> {
    encoding.decode_without_bom_handling(bytes).0
}

/// Recognizes UTF-16 without a byte order mark by the zero bytes of its first characters, which are letters, digits or spaces of ASCII.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(UTF_16BE),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(UTF_16LE),
        _ => None,
    }
}

/// Returns the encoding that an HTML document names in its first bytes.
fn meta_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..META_BYTES).unwrap_or(bytes);
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let (_, value) = start.split_once("<meta")?.1.split_once("charset=")?;
    let label: String = value
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|character| character.is_ascii_alphanumeric() || "-_".contains(*character))
        .collect();
    Encoding::for_label(label.as_bytes())
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let sample = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Returns whether decoded characters are text. Binary data has control characters nearly everywhere: more than one of a hundred is
/// too many.
fn is_text(text: &str) -> bool {
    let sample = text.chars().take(SAMPLE_BYTES);
    let (mut all, mut controls) = (0_usize, 0_usize);
    for character in sample {
        let is_control = character.is_control() && !"\t\n\r\u{c}\u{85}".contains(character);
        all += 1;
        controls += usize::from(is_control);
    }
    controls * 100 <= all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text is read in the encodings that programs on Windows write, with and without a byte order mark.
    #[test]
    fn encodings_are_recognized() {
        let text = "Größe: 5 €\n";
        let utf16 = |to_bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            format!("{mark}{text}").encode_utf16().flat_map(to_bytes).collect()
        };
        let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            utf16(u16::to_le_bytes, "\u{feff}"),
            utf16(u16::to_be_bytes, "\u{feff}"),
            utf16(u16::to_le_bytes, ""),
            utf16(u16::to_be_bytes, ""),
            windows,
        ] {
            assert_eq!(decode(&bytes, None).as_deref(), Some(text), "{bytes:?}");
        }
    }

    /// A declared encoding decides where the bytes are no UTF-8.
    #[test]
    fn a_declared_encoding_is_used() {
        let bytes = encoding_rs::KOI8_R.encode("Счёт").0.into_owned();
        assert_eq!(decode(&bytes, Some("koi8-r")).as_deref(), Some("Счёт"));
        let html = [b"<meta charset=\"koi8-r\">".as_slice(), &bytes].concat();
        assert!(decode(&html, None).unwrap().ends_with("Счёт"));
    }

    /// NUL characters are replaced one by one, so that Postgres can store the text.
    #[test]
    fn nul_characters_are_replaced() {
        let text = format!("{}\0b\r\nc\rd", "a".repeat(200));
        assert!(decode(text.as_bytes(), None).unwrap().ends_with("a\u{fffd}b\nc\nd"));
    }

    /// Binary data is no text in any encoding.
    #[test]
    fn binary_data_is_no_text() {
        let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
        assert_eq!(decode(&bytes, None), None);
    }
}
