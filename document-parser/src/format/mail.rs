//! Mail: the header that people read, the body, and the attachments, each as a section with its file name as heading.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::{Context, extract_attachment, html, markdown};
use crate::content::{Content, Extracted, Section, heading_title};
use crate::encoding;
use crate::error::Error;
use crate::sniff::Source;

/// Maximum number of attachments. A mail may have 25 MB on most servers.
const MAX_ATTACHMENTS: usize = 200;
/// Maximum number of attachments that are named as skipped.
const MAX_SKIPPED: usize = 20;
/// Maximum number of addresses of a field in the text. Mailing lists have thousands.
const MAX_ADDRESSES: usize = 50;

/// Returns the text of a mail and of its attachments. Attachments that cannot be read, such as images, are skipped and named in the metadata.
///
/// # Errors
/// Returns an error if it is no mail, or if an attachment exceeds a bound.
pub(super) fn extract(context: Context, bytes: &[u8]) -> Result<Content, Error> {
    let message = parse(bytes)?;
    let mut content = describe(&message)?;
    let mut skipped = Vec::new();
    for (number, part) in (1_usize..).zip(message.attachments()) {
        if number > MAX_ATTACHMENTS {
            return Err(Error::TooManyParts { parts: "attachments", limit: MAX_ATTACHMENTS });
        }
        let name = name(part, number);
        match attachment(context, part, &name) {
            Ok(extracted) => append(&mut content, extracted, &name),
            Err(
                error @ (Error::DecompressionBomb(_) | Error::TextTooLong(_) | Error::TooManyParts { .. }),
            ) => {
                return Err(error);
            }
            Err(error) => skipped.push(format!("{name} ({})", error.code())),
        }
    }
    skipped.truncate(MAX_SKIPPED);
    content.describe("skippedAttachments", Some(&skipped.join(", ")));
    Ok(content)
}

/// Returns the text of a mail without its attachments.
///
/// # Errors
/// Returns an error if it is no mail.
pub(super) fn extract_message(bytes: &[u8]) -> Result<Content, Error> {
    describe(&parse(bytes)?)
}

fn parse(bytes: &[u8]) -> Result<Message<'_>, Error> {
    MessageParser::default().parse(bytes).ok_or_else(|| Error::Corrupt("it is not a mail".to_owned()))
}

fn describe(message: &Message<'_>) -> Result<Content, Error> {
    let mut content = Content::default();
    content.describe("title", message.subject());
    let author = message.from().map(addresses);
    content.describe("author", author.as_deref());
    let mut sections = bodies(message)?;
    if let Some(section) = sections.first_mut() {
        prepend(section, &header(message));
    } else {
        sections.push(Section { text: header(message), ..Section::default() });
    }
    content.sections = sections;
    Ok(content)
}

/// Returns the fields of the header, one on each line.
fn header(message: &Message<'_>) -> String {
    let date = message.date().map(mail_parser::DateTime::to_rfc3339);
    let fields = [
        ("Subject", message.subject().map(str::to_owned)),
        ("From", message.from().map(addresses)),
        ("To", message.to().map(addresses)),
        ("Cc", message.cc().map(addresses)),
        ("Date", date),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let value = encoding::normalize(value?.trim());
        (!value.is_empty()).then(|| format!("{name}: {value}"))
    });
    fields.collect::<Vec<_>>().join("\n")
}

fn addresses(address: &Address<'_>) -> String {
    let addresses =
        address.iter().take(MAX_ADDRESSES).map(|address| match (address.name(), address.address()) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (name, address) => name.or(address).unwrap_or_default().to_owned(),
        });
    addresses.collect::<Vec<_>>().join(", ")
}

/// Returns the parts of the body. Of alternatives, plain text is preferred to HTML.
fn bodies(message: &Message<'_>) -> Result<Vec<Section>, Error> {
    let mut sections = Vec::new();
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => {
                let text = encoding::normalize(text);
                sections.push(Section { text, ..Section::default() });
            }
            PartType::Html(source) => sections.push(markdown::section(html::to_markdown(source)?)),
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    Ok(sections)
}

fn prepend(section: &mut Section, header: &str) {
    let prefix = if header.is_empty() { String::new() } else { format!("{header}\n\n") };
    section.text.insert_str(0, &prefix);
    for heading in &mut section.headings {
        heading.start += prefix.len();
        heading.end += prefix.len();
    }
}

fn name(part: &MessagePart<'_>, number: usize) -> String {
    let subject = || match &part.body {
        PartType::Message(message) => message.subject().map(str::to_owned),
        _ => None,
    };
    let name = part.attachment_name().map(str::to_owned).or_else(subject);
    let name = name.map(|name| heading_title(&name)).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("Attachment {number}"))
}

fn attachment(context: Context, part: &MessagePart<'_>, name: &str) -> Result<Extracted, Error> {
    let declared = part.content_type().map(|kind| match kind.subtype() {
        Some(subtype) => format!("{}/{subtype}", kind.ctype()),
        None => kind.ctype().to_owned(),
    });
    let bytes = match &part.body {
        PartType::Message(message) => message.raw_message(),
        _ => part.contents(),
    };
    // Text parts are decoded to UTF-8 already.
    let source = Source { bytes, declared_type: declared.as_deref(), file_name: Some(name) };
    match extract_attachment(context, &source) {
        // The program that sent the mail has declared the type, and not the uploader.
        Err(Error::TypeMismatch { .. } | Error::UnsupportedType(_)) => {
            extract_attachment(context, &Source { declared_type: None, file_name: None, ..source })
        }
        result => result,
    }
}

/// Appends the sections of an attachment, below its name.
fn append(content: &mut Content, attachment: Extracted, name: &str) {
    for section in attachment.content.sections {
        content.sections.push(Section { title: Some(name.to_owned()), ..section });
    }
}
