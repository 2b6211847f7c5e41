//! Each code of a failure is produced by documents of its kind.

use proptest::prelude::*;
use protocol::parsing::{FailureCode, Limits};

use crate::fixtures::archive::{Entry, archive};
use crate::fixtures::{office, pdf, zlib};
use crate::process::{LIMITS, answer, code, fail, parse, request};

/// A picture.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4";

/// A document of a type that cannot be read is refused with the type that it has.
#[test]
fn other_types_are_unsupported() {
    let failure = fail(&request("picture.png", "image/png"), PNG);
    assert_eq!(failure.code, FailureCode::UnsupportedType);
    assert!(failure.message.contains("image/png"), "{}", failure.message);
    assert_eq!(code("letter.rtf", b"{\\rtf1 text}"), FailureCode::UnsupportedType);
    assert_eq!(code("files.zip", &archive(&[Entry::new("a.txt", "text")])), FailureCode::UnsupportedType);
    let xml = fail(&request("feed.xml", "application/xml"), b"<?xml version=\"1.0\"?><feed/>");
    assert_eq!(xml.code, FailureCode::UnsupportedType);
}

/// A document of another type than the declared one, or than that of its name if none is declared, is refused.
#[test]
fn a_wrong_declaration_is_a_mismatch() {
    assert_eq!(code("scan.pdf", PNG), FailureCode::TypeMismatch);
    assert_eq!(code("letter.docx", b"plain text"), FailureCode::TypeMismatch);
    let docx = office::docx(&office::paragraph(0, "text"));
    for declared in ["application/pdf", "text/plain"] {
        assert_eq!(fail(&request("a.docx", declared), &docx).code, FailureCode::TypeMismatch);
    }
    let pdf = pdf::pdf(&[&[(11, 700, "text")]]);
    assert_eq!(fail(&request("a.pdf", "text/html"), &pdf).code, FailureCode::TypeMismatch);
    assert_eq!(code("mail.eml", b"no header\n\nbody"), FailureCode::TypeMismatch);
}

/// A document without characters that are visible has no text.
#[test]
fn a_document_without_text_is_empty() {
    assert_eq!(code("a.txt", b""), FailureCode::EmptyText);
    assert_eq!(code("a.txt", b" \r\n\t\n"), FailureCode::EmptyText);
    assert_eq!(code("a.docx", &office::docx("<w:p/>")), FailureCode::EmptyText);
    assert_eq!(code("a.pdf", &pdf::pdf(&[&[]])), FailureCode::EmptyText);
    assert_eq!(code("a.html", b"<html><script>x()</script></html>"), FailureCode::EmptyText);
}

/// A scanned document asks for text recognition.
#[test]
fn a_scanned_document_needs_recognition() {
    let image = "q 612 0 0 792 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \u{1} EI Q\n";
    let document = pdf::document(vec![pdf::stream("", image.as_bytes().to_vec())], "", "");
    let failure = fail(&request("scan.pdf", ""), &document);
    assert_eq!(failure.code, FailureCode::NeedsOcr, "{failure:?}");
}

/// A document with a password is refused, whichever format it has.
#[test]
fn a_password_is_recognized() {
    let key = "00".repeat(32);
    let encrypt =
        format!("/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<00> <00>]");
    let contents = vec![pdf::stream("", pdf::content(&[(11, 700, "text")]))];
    assert_eq!(code("a.pdf", &pdf::document(contents, &encrypt, "")), FailureCode::Encrypted);
    let mut entries = office::docx_entries(&office::paragraph(0, "text"));
    for entry in &mut entries {
        entry.flags = 1;
    }
    assert_eq!(code("a.docx", &archive(&entries)), FailureCode::Encrypted);
}

/// A damaged document is refused, and does not end the program.
#[test]
fn a_damaged_document_is_corrupt() {
    let long = "text ".repeat(200);
    let contents = vec![pdf::stream("/Filter /FlateDecode", zlib(&pdf::content(&[(11, 700, &long)])))];
    let whole = pdf::document(contents, "", "");
    let docx = office::docx(&office::paragraph(0, &long));
    for (name, document) in [
        ("a.pdf", &whole[..100]),
        ("a.pdf", b"%PDF-1.7\n"),
        ("a.docx", &docx[..docx.len() / 2]),
        ("a.json", b"{\"a\": "),
    ] {
        assert_eq!(code(name, document), FailureCode::Corrupt, "{name}");
    }
    let mut document = docx;
    let middle = document.len() / 2;
    document[middle..middle + 40].fill(0xff);
    assert_eq!(code("a.docx", &document), FailureCode::Corrupt);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A document with any damage has an answer: text, or a code that is about the document.
    #[test]
    fn any_damage_has_an_answer(
        kind in 0..6_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, mut document) = samples().swap_remove(kind);
        for (position, byte) in damage {
            let position = position.index(document.len());
            document[position] = byte;
        }
        if let Some(cut) = cut {
            document.truncate(cut.index(document.len()));
        }
        let _ = answer(&request(name, ""), &document);
    }
}

/// Returns a document of each type whose format can be damaged.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let long = "text and more text. ".repeat(50);
    let compressed = vec![pdf::stream("/Filter /FlateDecode", zlib(&pdf::content(&[(11, 700, &long)])))];
    let mail = format!(
        "From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n{long}\n--x\nContent-Type: text/html\n\n<p>{long}\n--x--\n"
    );
    vec![
        ("a.pdf", pdf::pdf(&[&[(24, 700, "Title"), (11, 660, &long)], &[(11, 700, &long)]])),
        ("a.pdf", pdf::document(compressed, "", "")),
        ("a.docx", office::docx(&(office::paragraph(1, "Title") + &office::paragraph(0, &long)))),
        ("a.pptx", office::pptx(&[("Title", &long), ("Title", &long)])),
        ("a.xlsx", office::xlsx("Sheet", &[&["a", "b"], &[&long, "d"]])),
        ("a.eml", mail.into_bytes()),
    ]
}

/// Documents whose elements are nested in thousands of levels are refused, whichever format they have.
#[test]
fn deep_nesting_is_corrupt() {
    let levels = 100_000;
    let html = format!("<html>{}text", "<div>".repeat(levels));
    let tables =
        format!("{}{}", "<w:tbl><w:tr><w:tc>".repeat(levels), "</w:tc></w:tr></w:tbl>".repeat(levels));
    let arrays = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let contents = vec![pdf::stream(&format!("/X {arrays}"), pdf::content(&[(11, 700, "text")]))];
    assert_eq!(code("a.html", html.as_bytes()), FailureCode::Corrupt);
    assert_eq!(code("a.docx", &office::docx(&tables)), FailureCode::Corrupt);
    assert_eq!(code("a.pdf", &pdf::document(contents, "", "")), FailureCode::Corrupt);
}

/// Nesting of text formats, which are not parsed into trees, does no harm: the text is divided like any other.
#[test]
fn deep_nesting_of_text_is_harmless() {
    let levels = 10_000;
    let json = "[".repeat(levels) + &"]".repeat(levels);
    let quotes = format!("{}text", "> ".repeat(levels));
    for (name, text) in [("a.json", json), ("a.md", quotes)] {
        assert_eq!(parse(&request(name, ""), text.as_bytes()).text, text);
    }
}

/// A text or a number of chunks above the limit of the request is refused.
#[test]
fn limits_of_the_request_are_enforced() {
    let text = "one two three. ".repeat(1000);
    let mut limited = request("a.txt", "");
    limited.limits = Limits { text_bytes: 1000, ..LIMITS };
    assert_eq!(fail(&limited, text.as_bytes()).code, FailureCode::TooLarge);
    limited.limits = Limits { chunks: 3, ..LIMITS };
    assert_eq!(fail(&limited, text.as_bytes()).code, FailureCode::QuotaExceeded);
    limited.file_name = Some("a.docx".to_owned());
    limited.limits = Limits { text_bytes: 1000, ..LIMITS };
    let docx = office::docx(&office::paragraph(0, &text));
    assert_eq!(fail(&limited, &docx).code, FailureCode::TooLarge);
}
