//! Extracted text with its headings and pages, before it is divided into chunks.

use std::collections::BTreeMap;

use crate::document_type::DocumentType;
use crate::error::Error;

/// Maximum length of a heading in the path of a chunk, and of a value of the metadata, in characters. Longer ones are shortened: paragraphs
/// are marked as headings by mistake.
const MAX_HEADING_CHARACTERS: usize = 200;
/// Maximum length of a value of the metadata, in characters.
const MAX_METADATA_CHARACTERS: usize = 1000;

/// What a document contains.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) sections: Vec<Section>,
    pub(crate) page_count: Option<u32>,
    pub(crate) metadata: BTreeMap<&'static str, String>,
}

impl Content {
    /// Adds a value to the metadata, unless it is empty.
    pub(crate) fn describe(&mut self, key: &'static str, value: Option<&str>) {
        let value =
            value.map(|value| shorten(value, MAX_METADATA_CHARACTERS)).filter(|value| !value.is_empty());
        self.metadata.extend(value.map(|value| (key, value)));
    }
}

/// Part of a document with a syntax of its own, such as an attachment of a mail.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// Outermost heading of all chunks of the section, which is not a part of the text.
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    pub(crate) syntax: Syntax,
    /// Headings in the order of the text.
    pub(crate) headings: Vec<Heading>,
    /// Starts of pages in the order of the text.
    pub(crate) pages: Vec<PageStart>,
}

/// How a text is divided where it has no headings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// By paragraphs, lines, sentences and words.
    #[default]
    Plain,
    /// By the elements of Markdown.
    Markdown,
}

/// Heading in the text of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Offset behind its last byte.
    pub(crate) end: usize,
    /// 1 for the outermost, or 0 for the title of the document.
    pub(crate) level: u8,
    pub(crate) title: String,
}

/// Start of a page in the text of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageStart {
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Number of the page, starting at 1.
    pub(crate) number: u32,
}

/// Type of a document and what it contains.
pub(crate) struct Extracted {
    pub(crate) document_type: DocumentType,
    pub(crate) content: Content,
}

/// Section that is written from the beginning to the end, within a limit.
#[derive(Debug)]
pub(crate) struct SectionWriter {
    section: Section,
    max_bytes: u64,
}

impl SectionWriter {
    /// Creates an empty section of plain text.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { section: Section::default(), max_bytes }
    }

    /// Begins a page.
    pub(crate) fn page(&mut self, number: u32) {
        self.separate("\n\n");
        self.section.pages.push(PageStart { start: self.section.text.len(), number });
    }

    /// Adds a heading as a paragraph of its own.
    ///
    /// # Errors
    /// Returns an error if the text is too long.
    pub(crate) fn heading(&mut self, level: u8, title: &str) -> Result<(), Error> {
        let start = self.append("\n\n", title)?;
        let end = self.section.text.len();
        let title = heading_title(title);
        if !title.is_empty() {
            self.section.headings.push(Heading { start, end, level, title });
        }
        Ok(())
    }

    /// Adds a paragraph.
    ///
    /// # Errors
    /// Returns an error if the text is too long.
    pub(crate) fn paragraph(&mut self, text: &str) -> Result<(), Error> {
        self.append("\n\n", text).map(|_| ())
    }

    /// Adds a line to the paragraph before.
    ///
    /// # Errors
    /// Returns an error if the text is too long.
    pub(crate) fn next_line(&mut self, text: &str) -> Result<(), Error> {
        self.append("\n", text).map(|_| ())
    }

    /// Returns the section.
    pub(crate) fn finish(self) -> Section {
        self.section
    }

    /// Appends text behind a separator, and returns its offset.
    fn append(&mut self, separator: &str, text: &str) -> Result<usize, Error> {
        let text = text.trim();
        if !text.is_empty() {
            self.separate(separator);
        }
        let start = self.section.text.len();
        self.section.text.push_str(&crate::encoding::normalize(text));
        let length = u64::try_from(self.section.text.len()).unwrap_or(u64::MAX);
        if length > self.max_bytes { Err(Error::TextTooLong(self.max_bytes)) } else { Ok(start) }
    }

    fn separate(&mut self, separator: &str) {
        let text = &mut self.section.text;
        if !text.is_empty() && !text.ends_with(separator) {
            text.push_str(separator);
        }
    }
}

/// Returns a heading on one line, shortened.
pub(crate) fn heading_title(title: &str) -> String {
    shorten(title, MAX_HEADING_CHARACTERS)
}

fn shorten(text: &str, max_characters: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('\0', "\u{fffd}").chars().take(max_characters).collect()
}
