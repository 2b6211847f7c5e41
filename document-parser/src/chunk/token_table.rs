//! Number of tokens of any part of a text, without tokenizing it again.

use text_splitter::ChunkSizer;

use super::tokens::Tokens;

/// Size of the pieces in which a text is tokenized. The encoding of a piece needs about 100 bytes for each byte of the text.
const PIECE_BYTES: usize = 64 * 1024;

/// Offsets of the tokens of a text. The splitter asks for the size of each part many times, and tokenizing it each time would take
/// fifty times as long.
pub(super) struct TokenTable<'a> {
    text: &'a str,
    tokens: &'a Tokens,
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl<'a> TokenTable<'a> {
    /// Tokenizes a text.
    pub(super) fn new(text: &'a str, tokens: &'a Tokens) -> Self {
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let mut position = 0;
        while let Some(piece) = text.get(position..).map(first_piece).filter(|piece| !piece.is_empty()) {
            for (start, end) in tokens.offsets(piece) {
                // Sorted even if a tokenizer returns tokens without characters.
                starts.push((position + start).max(starts.last().copied().unwrap_or(0)));
                ends.push((position + end).max(ends.last().copied().unwrap_or(0)));
            }
            position += piece.len();
        }
        Self { text, tokens, starts, ends }
    }

    /// Returns the offset of a part of the text.
    fn offset_of(&self, part: &str) -> Option<usize> {
        let offset = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        (offset + part.len() <= self.text.len()).then_some(offset)
    }
}

impl ChunkSizer for TokenTable<'_> {
    fn size(&self, part: &str) -> usize {
        let Some(start) = self.offset_of(part) else { return self.tokens.count(part) };
        let end = start + part.len();
        let before = self.ends.partition_point(|token_end| *token_end <= start);
        let until = self.starts.partition_point(|token_start| *token_start < end);
        until.saturating_sub(before)
    }
}

/// Returns the first piece of a text, which ends behind a line, a word, or a character.
fn first_piece(text: &str) -> &str {
    if text.len() <= PIECE_BYTES {
        return text;
    }
    let piece = text.get(..text.floor_char_boundary(PIECE_BYTES)).unwrap_or(text);
    let end = piece.rfind('\n').or_else(|| piece.rfind(' ')).map_or(piece.len(), |index| index + 1);
    piece.get(..end).unwrap_or(piece)
}
