//! Blocks: the text between two headings.

use std::ops::Range;

use crate::content::{Heading, Section};

/// Text below one heading, without the text below inner headings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Range of bytes in the text of the section. It begins with the heading.
    pub(super) range: Range<usize>,
    /// Offset of the text behind the headings of the block.
    pub(super) body: usize,
    /// Headings above the text, the outermost first.
    pub(super) headings: Vec<String>,
}

/// Returns the blocks of a section, in order and without gaps. A heading that only inner headings follow is in the block of the
/// first of them.
pub(super) fn blocks(section: &Section) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut path: Vec<&Heading> = Vec::new();
    let mut start = 0;
    let mut text_start = 0;
    for heading in &section.headings {
        if has_text(section, text_start..heading.start) {
            let headings = titles(section, &path);
            blocks.push(Block { range: start..heading.start, body: text_start, headings });
            start = heading.start;
        }
        path.retain(|above| above.level < heading.level);
        path.push(heading);
        text_start = heading.end;
    }
    let end = section.text.len();
    if has_text(section, start..end) {
        blocks.push(Block { range: start..end, body: text_start, headings: titles(section, &path) });
    }
    blocks
}

fn has_text(section: &Section, range: Range<usize>) -> bool {
    section.text.get(range).is_some_and(|text| !text.trim().is_empty())
}

fn titles(section: &Section, path: &[&Heading]) -> Vec<String> {
    section.title.iter().chain(path.iter().map(|heading| &heading.title)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str, headings: &[(&str, u8)]) -> Section {
        let mut section = Section { text: text.to_owned(), ..Section::default() };
        for (title, level) in headings {
            let start = text.find(title).unwrap();
            let title = (*title).to_owned();
            section.headings.push(Heading { start, end: start + title.len(), level: *level, title });
        }
        section
    }

    fn texts(section: &Section) -> Vec<(&str, Vec<String>)> {
        let text = |block: Block| (section.text[block.range].trim(), block.headings);
        blocks(section).into_iter().map(text).collect()
    }

    /// Each text has the headings above it, of which an equal or outer one replaces the inner ones.
    #[test]
    fn texts_have_the_headings_above_them() {
        let section = section("intro\nA\none\nB\ntwo\nC\nthree", &[("A", 1), ("B", 2), ("C", 1)]);
        let paths = |titles: &[&str]| titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>();
        let expected = vec![
            ("intro", paths(&[])),
            ("A\none", paths(&["A"])),
            ("B\ntwo", paths(&["A", "B"])),
            ("C\nthree", paths(&["C"])),
        ];
        assert_eq!(texts(&section), expected);
    }

    /// A heading without a text of its own is in the block of the next one, and no block consists of nothing else unless it is the last.
    #[test]
    fn headings_without_text_are_joined() {
        let section = section("A\n\nB\ntext\nC", &[("A", 1), ("B", 2), ("C", 1)]);
        let blocks = texts(&section);
        assert_eq!(blocks[0].0, "A\n\nB\ntext");
        assert_eq!(blocks[0].1, ["A", "B"]);
        assert_eq!(blocks[1].0, "C");
        assert_eq!(blocks.len(), 2);
    }
}
