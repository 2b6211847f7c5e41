//! Markdown: the text as it is, with the headings that it marks.

use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::content::{Content, Heading, Section, Syntax, heading_title};

/// Fields of a front matter, and the keys of the metadata for them.
const FIELDS: [(&str, &str); 4] =
    [("title", "title"), ("author", "author"), ("language", "language"), ("lang", "language")];

/// Returns a Markdown text with its headings. The front matter and the first heading describe the document.
pub(super) fn extract(text: String) -> Content {
    let mut content = Content::default();
    let (headings, front_matter) = read(&text);
    for field in front_matter.lines() {
        let Some((name, value)) = field.split_once(':') else { continue };
        if let Some((_, key)) = FIELDS.iter().find(|(field, _)| *field == name) {
            content.describe(key, Some(value.trim().trim_matches(['"', '\''])));
        }
    }
    let title = headings.iter().find(|heading| heading.level == 1).map(|heading| heading.title.clone());
    if !content.metadata.contains_key("title") {
        content.describe("title", title.as_deref());
    }
    content.sections.push(Section { text, syntax: Syntax::Markdown, headings, ..Section::default() });
    content
}

/// Returns a section of Markdown with its headings.
pub(super) fn section(text: String) -> Section {
    let (headings, _) = read(&text);
    Section { text, syntax: Syntax::Markdown, headings, ..Section::default() }
}

/// Returns the headings and the front matter of a text.
fn read(text: &str) -> (Vec<Heading>, String) {
    let mut headings = Vec::new();
    let mut front_matter = String::new();
    let mut is_front_matter = false;
    let mut current: Option<(Heading, String)> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let (start, end, level) = (range.start, range.end, number(level));
                let heading = Heading { start, end, level, title: String::new() };
                current = Some((heading, String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((heading, title)) = current.take() {
                    headings.push(Heading { title: heading_title(&title), ..heading });
                }
            }
            Event::Start(Tag::MetadataBlock(MetadataBlockKind::YamlStyle)) => is_front_matter = true,
            Event::End(TagEnd::MetadataBlock(_)) => is_front_matter = false,
            Event::Text(part) if is_front_matter => front_matter.push_str(&part),
            Event::Text(part) | Event::Code(part) => {
                if let Some((_, title)) = &mut current {
                    title.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((_, title)) = &mut current {
                    title.push(' ');
                }
            }
            _ => {}
        }
    }
    headings.retain(|heading| !heading.title.is_empty());
    (headings, front_matter)
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
