//! PDF: paragraphs, headings and tables of each page.

mod inflate;

use std::ops::ControlFlow;

use unpdf::{Block, ErrorMode, Page, PageSelection, PageStreamOptions, ParseEvent, ParseOptions, PdfParser};

use super::Context;
use crate::content::{Content, SectionWriter};
use crate::error::Error;

/// Maximum number of pages. The largest books have 3,000.
const MAX_PAGES: usize = 20_000;

/// Returns the text of a PDF.
///
/// # Errors
/// Returns an error if the document cannot be read, requires a password, or has no text.
pub(super) fn extract(context: Context, bytes: &[u8]) -> Result<Content, Error> {
    inflate::check(bytes)?;
    let options = ParseOptions::new().sequential();
    let parser = PdfParser::from_bytes_with_options(bytes, options).map_err(|error| failed(&error))?;
    if usize::try_from(parser.page_count()).is_ok_and(|pages| pages > MAX_PAGES) {
        return Err(Error::TooManyParts { parts: "pages", limit: MAX_PAGES });
    }
    let mut reader = Reader {
        writer: SectionWriter::new(context.max_text_bytes),
        content: Content::default(),
        is_scanned: false,
        failure: None,
    };
    let read = parser.for_each_page(page_options(), |event| reader.receive(event));
    reader.finish(parser.page_count(), read.err().map(|error| failed(&error)))
}

/// Returns options for one page after the other in this thread: the process may not start any.
fn page_options() -> PageStreamOptions {
    PageStreamOptions {
        error_mode: ErrorMode::Lenient,
        extract_text: true,
        extract_resources: false,
        min_image_dimension: 64,
        pages: PageSelection::All,
        password: None,
        parallel: false,
        suppress_low_confidence_ocr: true,
        window_size: 1,
        emit_progress_every: u32::MAX,
    }
}

/// Pages that have been read.
struct Reader {
    writer: SectionWriter,
    content: Content,
    /// Whether a page has images or an unreadable layer of recognized text.
    is_scanned: bool,
    failure: Option<Error>,
}

impl Reader {
    fn receive(&mut self, event: ParseEvent) -> ControlFlow<()> {
        match event {
            ParseEvent::DocumentStart { metadata, .. } => {
                self.content.describe("title", metadata.title.as_deref());
                self.content.describe("author", metadata.author.as_deref());
            }
            ParseEvent::PageParsed(page) => {
                self.is_scanned |= page.image_op_count > 0 || page.ocr_text_suppressed;
                if page.undecodable_content_streams > 0 {
                    self.failure.get_or_insert_with(|| damaged(page.number));
                }
                if let Err(error) = write(&mut self.writer, &page) {
                    self.failure = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ParseEvent::PageFailed { page: _, error } => {
                self.failure.get_or_insert_with(|| failed(&error));
            }
            ParseEvent::Progress { .. } | ParseEvent::DocumentEnd { .. } => {}
        }
        ControlFlow::Continue(())
    }

    /// Returns the content, or the reason why there is none. Pages that cannot be read are left out if others can be.
    fn finish(self, pages: u32, error: Option<Error>) -> Result<Content, Error> {
        let Self { writer, mut content, is_scanned, failure } = self;
        let section = writer.finish();
        let has_text = !section.text.trim().is_empty();
        match (failure.or(error), has_text) {
            (Some(error @ Error::TextTooLong(_)), _) | (Some(error), false) => return Err(error),
            (None, false) if is_scanned => return Err(Error::NeedsOcr(pages)),
            (None, false) if pages == 0 => return Err(Error::Corrupt("it has no pages".to_owned())),
            _ => {}
        }
        content.page_count = Some(pages);
        content.sections.push(section);
        Ok(content)
    }
}

fn write(writer: &mut SectionWriter, page: &Page) -> Result<(), Error> {
    writer.page(page.number);
    let mut is_list = false;
    for block in &page.elements {
        let mut text = String::new();
        block.append_plain_text(&mut text);
        let (level, is_item) = match block {
            Block::Paragraph(paragraph) => (paragraph.heading_level(), paragraph.is_list_item()),
            Block::Table(table) => {
                text = table.plain_text().replace('\t', " | ");
                (None, false)
            }
            _ => (None, false),
        };
        match level {
            Some(level) => writer.heading(level, &text)?,
            None if is_list && is_item => writer.next_line(&text)?,
            None => writer.paragraph(&text)?,
        }
        is_list = is_item;
    }
    Ok(())
}

fn damaged(page: u32) -> Error {
    Error::Corrupt(format!("the content of page {page} is damaged"))
}

fn failed(error: &unpdf::Error) -> Error {
    match error {
        unpdf::Error::Encrypted | unpdf::Error::InvalidPassword => Error::Encrypted,
        error if error.to_string().contains("decompression bomb") => {
            Error::DecompressionBomb(error.to_string())
        }
        error => Error::Corrupt(error.to_string()),
    }
}
