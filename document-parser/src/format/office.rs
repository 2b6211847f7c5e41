//! Word, PowerPoint and Excel: paragraphs, headings, tables and notes.

use undoc::{Block, ListType, Paragraph, Table};

use super::Context;
use crate::content::{Content, Section, SectionWriter};
use crate::document_type::DocumentType;
use crate::error::Error;

/// Text in the error of a part that unpacks to too much.
const BOMB: &str = "decompression bomb";

/// Returns the text of an Office document. A slide is a page. A sheet and a slide are sections, so that no chunk contains parts of two of them.
///
/// # Errors
/// Returns an error if the document cannot be read.
pub(super) fn extract(context: Context, office: DocumentType, bytes: &[u8]) -> Result<Content, Error> {
    let document = undoc::parse_bytes(bytes).map_err(|error| match error {
        undoc::Error::Encrypted => Error::Encrypted,
        error if error.to_string().contains(BOMB) => Error::DecompressionBomb(error.to_string()),
        error => Error::Corrupt(error.to_string()),
    })?;
    let mut content = Content::default();
    content.describe("title", document.metadata.title.as_deref());
    content.describe("author", document.metadata.author.as_deref());
    for (number, section) in (1..).zip(&document.sections) {
        let mut writer = SectionWriter::new(context.max_text_bytes);
        match office {
            DocumentType::Pptx => writer.page(number),
            DocumentType::Xlsx => writer.heading(1, section.name.as_deref().unwrap_or_default())?,
            _ => {}
        }
        write(&mut writer, section)?;
        content.sections.push(writer.finish());
    }
    if office == DocumentType::Xlsx {
        content.sections.retain(has_cells);
    }
    if office == DocumentType::Pptx {
        content.page_count = u32::try_from(document.sections.len()).ok();
    }
    Ok(content)
}

/// Returns whether a sheet has more than its name.
fn has_cells(sheet: &Section) -> bool {
    let name = sheet.headings.first().map_or(0, |heading| heading.end);
    sheet.text.len() > name
}

/// Writes a section with the notes of the speaker. Headers and footers are left out: they are on each page, and belong to no heading.
fn write(writer: &mut SectionWriter, section: &undoc::Section) -> Result<(), Error> {
    for block in &section.content {
        match block {
            Block::Paragraph(paragraph) => write_paragraph(writer, paragraph)?,
            Block::Table(table) => write_table(writer, table)?,
            Block::Note { label, content } => {
                let text: Vec<String> = content.iter().map(Paragraph::plain_text).collect();
                writer.paragraph(&format!("[^{label}]: {}", text.join(" ")))?;
            }
            Block::PageBreak | Block::SectionBreak | Block::Image { .. } => {}
        }
    }
    for paragraph in section.notes.iter().flatten() {
        write_paragraph(writer, paragraph)?;
    }
    Ok(())
}

fn write_paragraph(writer: &mut SectionWriter, paragraph: &Paragraph) -> Result<(), Error> {
    let text = paragraph.plain_text();
    if paragraph.heading.is_heading() {
        // The title of the document is above all headings.
        let is_title = paragraph.style_id.as_deref() == Some("Title");
        return writer.heading(if is_title { 0 } else { paragraph.heading.level() }, &text);
    }
    match &paragraph.list_info {
        _ if text.trim().is_empty() => Ok(()),
        Some(list) => {
            let indent = "  ".repeat(usize::from(list.level.min(8)));
            let marker = match (list.list_type, list.number) {
                (ListType::Numbered, Some(number)) => format!("{number}."),
                _ => "-".to_owned(),
            };
            writer.next_line(&format!("{indent}{marker} {}", text.trim()))
        }
        None => writer.paragraph(&text),
    }
}

/// Writes a line for each row of a table that is not empty, and the tables in its cells behind it.
fn write_table(writer: &mut SectionWriter, table: &Table) -> Result<(), Error> {
    let mut is_first = true;
    for row in &table.rows {
        let cells: Vec<String> = row.cells.iter().map(|cell| on_one_line(&cell.plain_text())).collect();
        let Some(first) = cells.iter().position(|cell| !cell.is_empty()) else { continue };
        let last = cells.iter().rposition(|cell| !cell.is_empty()).unwrap_or(first);
        let row = cells.get(first..=last).unwrap_or_default().join(" | ");
        if is_first {
            writer.paragraph(&row)?
        } else {
            writer.next_line(&row)?
        };
        is_first = false;
    }
    for cell in table.rows.iter().flat_map(|row| &row.cells) {
        for nested in &cell.nested_tables {
            write_table(writer, nested)?;
        }
    }
    Ok(())
}

fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
