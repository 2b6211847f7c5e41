//! Positions in characters and pages.

use crate::content::PageStart;

/// Converts offsets in bytes to offsets in characters, in ascending order.
pub(super) struct CharacterCounter<'a> {
    text: &'a str,
    bytes: usize,
    characters: u64,
}

impl<'a> CharacterCounter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: 0, characters: 0 }
    }

    /// Returns the number of characters before an offset, which is not less than the one before.
    pub(super) fn count(&mut self, offset: usize) -> u64 {
        let passed = self.text.get(self.bytes..offset).unwrap_or_default();
        self.characters += u64::try_from(passed.chars().count()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.max(offset);
        self.characters
    }
}

/// Returns the number of the page that contains an offset.
pub(super) fn page(pages: &[PageStart], offset: usize) -> Option<u32> {
    let after = pages.partition_point(|page| page.start <= offset);
    pages.get(after.checked_sub(1)?).map(|page| page.number)
}
