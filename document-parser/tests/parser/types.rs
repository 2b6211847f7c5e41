//! Each type of document: text, headings, pages and metadata.

use crate::fixtures::{office, pdf};
use crate::process::{parse, request, texts};

fn headings(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

/// Plain text is stored as it is.
#[test]
fn plain_text_is_unchanged() {
    let text = "Grüße aus Köln.\n\nZweiter Absatz.";
    let parsed = parse(&request("letter.txt", "text/plain; charset=utf-8"), text.as_bytes());
    assert_eq!((parsed.mime_type.as_str(), parsed.text.as_str()), ("text/plain", text));
    assert_eq!(parsed.page_count, None);
    assert_eq!(texts(&parsed), [(text.to_owned(), vec![])]);
}

/// Markdown is stored as it is, and its headings are the paths of its chunks.
#[test]
fn markdown_has_headings() {
    let text = "---\ntitle: Manual\nlang: en\n---\n# Returns\nintro\n\n## Refunds *now*\nWithin 14 days.\n\n```\n# no heading\n```\n";
    let parsed = parse(&request("manual.md", "text/plain"), text.as_bytes());
    assert_eq!((parsed.mime_type.as_str(), parsed.text.as_str()), ("text/markdown", text));
    assert_eq!(parsed.metadata["title"], "Manual");
    assert_eq!(parsed.metadata["language"], "en");
    let chunks = texts(&parsed);
    let refunds = chunks.iter().find(|(text, _)| text.contains("14 days")).unwrap();
    assert_eq!(refunds.1, headings(&["Returns", "Refunds now"]));
    assert!(refunds.0.contains("# no heading"));
}

/// HTML becomes Markdown without scripts, and its headings are the paths of its chunks.
#[test]
fn html_has_headings() {
    let html = "<!DOCTYPE html><html lang=\"de-DE\"><head><title>Shop &amp; more</title><style>x{}</style></head>\
        <body><h1>Terms</h1><p>First.</p><h2>Delivery</h2><p>Three <b>days</b>.</p><script>evil()</script></body></html>";
    let parsed = parse(&request("terms.html", "text/html"), html.as_bytes());
    assert_eq!(parsed.mime_type, "text/html");
    assert!(!parsed.text.contains("evil"), "{}", parsed.text);
    assert_eq!(parsed.metadata["title"], "Shop & more");
    assert_eq!(parsed.metadata["language"], "de-DE");
    let delivery = texts(&parsed).pop().unwrap();
    assert_eq!(delivery, ("## Delivery\n\nThree **days**.".to_owned(), headings(&["Terms", "Delivery"])));
}

/// CSV and JSON are stored as they are.
#[test]
fn tables_and_json_are_unchanged() {
    for (name, declared, media_type, text) in [
        ("prices.csv", "application/vnd.ms-excel", "text/csv", "item;price\nbolt;0,10\n"),
        ("prices.json", "", "application/json", "{\"bolt\": 0.10}"),
        ("lines.jsonl", "application/octet-stream", "application/json", "{\"a\": 1}\n{\"a\": 2}\n"),
        ("", "", "application/json", "[1, 2]"),
    ] {
        let parsed = parse(&request(name, declared), text.as_bytes());
        assert_eq!((parsed.mime_type.as_str(), parsed.text.as_str()), (media_type, text));
    }
}

/// A PDF has the text, the headings and the numbers of its pages.
#[test]
fn pdf_has_pages() {
    let body = "The bolts of this catalogue are made of steel and are delivered within three days.";
    let document = pdf::pdf(&[
        &[(24, 700, "Catalogue of bolts"), (11, 660, body), (11, 646, body)],
        &[(11, 700, "Second page about nuts, which are made of brass and are never out of stock.")],
    ]);
    let parsed = parse(&request("catalogue.pdf", "application/pdf"), &document);
    assert_eq!((parsed.mime_type.as_str(), parsed.page_count), ("application/pdf", Some(2)));
    assert_eq!(parsed.metadata["title"], "Price list");
    assert_eq!(parsed.metadata["author"], "Grace");
    let chunks = texts(&parsed);
    let nuts = chunks.iter().position(|(text, _)| text.contains("nuts")).unwrap();
    assert_eq!(parsed.chunks[nuts].last_page, Some(2));
    assert_eq!(parsed.chunks[0].first_page, Some(1));
    assert_eq!(chunks[0].1, headings(&["Catalogue of bolts"]), "{}", parsed.text);
}

/// A Word document has paragraphs, the headings of its styles, and tables with a line for each row.
#[test]
fn word_has_headings_and_tables() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", office::paragraph(0, text));
    let row =
        |cells: &[&str]| format!("<w:tr>{}</w:tr>", cells.iter().map(|text| cell(text)).collect::<String>());
    let table = format!("<w:tbl>{}{}</w:tbl>", row(&["Item", "Price"]), row(&["Bolt", "0.10"]));
    let body = [
        office::paragraph(1, "Staff"),
        office::paragraph(2, "Holidays"),
        office::paragraph(0, "Thirty days a year."),
        office::paragraph(1, "Prices"),
        table,
    ];
    let parsed = parse(&request("handbook.docx", ""), &office::docx(&body.concat()));
    assert_eq!(parsed.mime_type, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
    assert_eq!(
        parsed.text,
        "Staff\n\nHolidays\n\nThirty days a year.\n\nPrices\n\nItem | Price\nBolt | 0.10"
    );
    assert_eq!(parsed.metadata["title"], "Handbook");
    assert_eq!(parsed.metadata["author"], "Ada");
    let chunks = texts(&parsed);
    assert_eq!(chunks[0].1, headings(&["Staff", "Holidays"]));
    assert_eq!(chunks[1], ("Prices\n\nItem | Price\nBolt | 0.10".to_owned(), headings(&["Prices"])));
}

/// A slide of a presentation is a page, and its title a heading that ends with it.
#[test]
fn slides_are_pages() {
    let document = office::pptx(&[("Plan", "We grow."), ("Costs", "We save.")]);
    let parsed = parse(&request("plan.pptx", "application/zip"), &document);
    assert_eq!(parsed.page_count, Some(2));
    let chunks = texts(&parsed);
    assert_eq!(chunks[1], ("Costs\n\nWe save.".to_owned(), headings(&["Costs"])), "{}", parsed.text);
    assert_eq!((parsed.chunks[1].first_page, parsed.chunks[1].last_page), (Some(2), Some(2)));
}

/// A sheet of a workbook has its name as heading and a line for each row.
#[test]
fn sheets_have_their_name_as_heading() {
    let document = office::xlsx("Stock", &[&["Item", "Count"], &["Nut", "40"]]);
    let parsed = parse(&request("stock.xlsx", ""), &document);
    assert_eq!(parsed.text, "Stock\n\nItem | Count\nNut | 40");
    assert_eq!(parsed.chunks[0].headings, headings(&["Stock"]));
    assert_eq!(parsed.page_count, None);
}

/// A mail has its header, its body, and each attachment as a section with its file name as heading; what cannot be read is named.
#[test]
fn mail_has_attachments() {
    let mail = "From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?Offer_f=C3=BCr_Bob?=\r\n\
        Date: Tue, 1 Jul 2025 10:00:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6ne Preise\r\n\
        --c\r\nContent-Type: text/html\r\n\r\n<p>HTML</p>\r\n--c--\r\n\
        --b\r\nContent-Type: text/markdown\r\nContent-Disposition: attachment; filename=\"offer.md\"\r\n\r\n# Bolts\r\n0.10 each\r\n\
        --b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"logo.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\r\n\
        --b--\r\n";
    let parsed = parse(&request("offer.eml", "message/rfc822"), mail.as_bytes());
    assert_eq!(parsed.mime_type, "message/rfc822");
    assert_eq!(parsed.metadata["title"], "Offer für Bob");
    assert_eq!(parsed.metadata["author"], "Ada <ada@example.com>");
    assert_eq!(parsed.metadata["skippedAttachments"], "logo.png (UNSUPPORTED_TYPE)");
    assert!(parsed.text.starts_with(
        "Subject: Offer für Bob\nFrom: Ada <ada@example.com>\nTo: bob@example.com\nDate: 2025-07-01"
    ));
    assert!(parsed.text.contains("Schöne Preise") && !parsed.text.contains("HTML"), "{}", parsed.text);
    let chunks = texts(&parsed);
    assert_eq!(chunks[1], ("# Bolts\n0.10 each".to_owned(), headings(&["offer.md", "Bolts"])));
}

/// Office documents are accepted under the types of archives and of their predecessors, and attachments under any type.
#[test]
fn usual_mistakes_in_types_are_accepted() {
    let docx = office::docx(&office::paragraph(0, "text"));
    for declared in ["application/zip", "application/msword"] {
        assert_eq!(parse(&request("a.docx", declared), &docx).text, "text");
    }
    let mail = "From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
        --b\n\nbody\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=terms.pdf\n\nplain text\n--b--\n";
    let parsed = parse(&request("a.eml", ""), mail.as_bytes());
    assert_eq!(texts(&parsed).pop().unwrap(), ("plain text".to_owned(), headings(&["terms.pdf"])));
}

/// A document about which nothing is declared is recognized by its content.
#[test]
fn types_are_recognized() {
    for (bytes, media_type) in [
        (b"  <!doctype HTML><p>x".as_slice(), "text/html"),
        (b"Subject: x\nFrom: a@example.com\n\nbody", "message/rfc822"),
        (b"{\"a\": [1]}", "application/json"),
        (b"Note: this is\nSubject: to change", "text/plain"),
        (b"BMW price list", "text/plain"),
    ] {
        assert_eq!(parse(&request("", ""), bytes).mime_type, media_type);
    }
}
