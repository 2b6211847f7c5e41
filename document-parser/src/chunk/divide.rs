//! Division of all sections.

use std::ops::Range;

use protocol::parsing::Chunk;
use text_splitter::{ChunkCapacity, ChunkConfig, MarkdownSplitter, TextSplitter};

use super::blocks::{Block, blocks};
use super::position::{CharacterCounter, page};
use super::token_table::TokenTable;
use super::tokens::Tokens;
use crate::content::{Section, Syntax};
use crate::error::Error;

/// Least permitted maximum of tokens. A single character has up to about ten tokens.
pub const MIN_MAX_CHUNK_TOKENS: u32 = 16;
/// Text between two sections.
/// Maximum size of a chunk in bytes. White space is no token, and a tokenizer may know a long word as one: without it, a chunk could be as
/// large as the text.
const MAX_CHUNK_BYTES: usize = 8 << 10;
const SEPARATOR: &str = "\n\n";

/// Sizes of chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    desired_tokens: usize,
    /// Size up to which a chunk may grow if a paragraph stays undivided: a quarter more.
    stretched_tokens: usize,
    max_tokens: usize,
    max_chunks: u32,
}

impl Sizes {
    pub(crate) fn new(chunk_tokens: u32, max_chunk_tokens: u32, max_chunks: u32) -> Self {
        let max = max_chunk_tokens.max(MIN_MAX_CHUNK_TOKENS);
        let desired = chunk_tokens.clamp(1, max);
        let stretched = desired.saturating_add(desired / 4).min(max);
        let size = |tokens: u32| usize::try_from(tokens).unwrap_or(usize::MAX);
        Self {
            desired_tokens: size(desired),
            stretched_tokens: size(stretched),
            max_tokens: size(max),
            max_chunks,
        }
    }

    /// Returns sizes that leave room for headings before the first chunk. At least half of the size remains: with longer headings, the
    /// first chunk is divided once more.
    fn without(self, tokens: usize) -> Self {
        let reduce =
            |size: usize| size.min(self.max_tokens.saturating_sub(tokens).max(self.max_tokens / 2).max(1));
        Self {
            desired_tokens: reduce(self.desired_tokens),
            stretched_tokens: reduce(self.stretched_tokens),
            ..self
        }
    }
}

/// Returns the text of all sections and its chunks.
///
/// # Errors
/// Returns an error if there are too many chunks.
pub(crate) fn divide(
    sections: Vec<Section>,
    tokens: &Tokens,
    sizes: Sizes,
) -> Result<(String, Vec<Chunk>), Error> {
    let mut text = String::new();
    let mut parts = Vec::new();
    for section in sections {
        if !text.is_empty() && !text.ends_with(SEPARATOR) {
            text.push_str(SEPARATOR);
        }
        let offset = text.len();
        text.push_str(&section.text);
        for block in blocks(&section) {
            for sized in divide_block(&section, &block, tokens, sizes) {
                if parts.len() >= usize::try_from(sizes.max_chunks).unwrap_or(usize::MAX) {
                    return Err(Error::TooManyChunks(sizes.max_chunks));
                }
                parts.push(Part::new(&section, &block, &sized, offset));
            }
        }
    }
    let mut counter = CharacterCounter::new(&text);
    let chunks = (0..).zip(parts).map(|(ordinal, part)| part.into_chunk(ordinal, &mut counter)).collect();
    Ok((text, chunks))
}

/// Chunk whose offsets are in bytes.
struct Part {
    range: Range<usize>,
    tokens: u32,
    first_page: Option<u32>,
    last_page: Option<u32>,
    headings: Vec<String>,
}

impl Part {
    /// Creates a part of a section, which begins at an offset in the text.
    fn new(section: &Section, block: &Block, sized: &SizedRange, offset: usize) -> Self {
        let SizedRange { range, tokens } = sized;
        Self {
            tokens: u32::try_from(*tokens).unwrap_or(u32::MAX),
            first_page: page(&section.pages, range.start),
            last_page: page(&section.pages, range.end.saturating_sub(1)),
            headings: block.headings.clone(),
            range: offset + range.start..offset + range.end,
        }
    }

    fn into_chunk(self, ordinal: u32, counter: &mut CharacterCounter<'_>) -> Chunk {
        let Self { range, tokens, first_page, last_page, headings } = self;
        let (start, end) = (counter.count(range.start), counter.count(range.end));
        Chunk { ordinal, start, end, tokens, first_page, last_page, headings }
    }
}

/// Range of a chunk in the text of its section.
struct SizedRange {
    range: Range<usize>,
    tokens: usize,
}

/// Returns the ranges of a block's chunks.
fn divide_block(section: &Section, block: &Block, tokens: &Tokens, sizes: Sizes) -> Vec<SizedRange> {
    let headings = section.text.get(block.range.start..block.body).unwrap_or_default();
    let sizes = sizes.without(tokens.count(headings));
    let mut ranges = divide_body(section, block.body..block.range.end, tokens, sizes);
    // A chunk that consists of headings would be found by its words and say nothing.
    match ranges.first_mut() {
        Some(first) => first.start = block.range.start,
        None => ranges.push(block.range.clone()),
    }
    let mut fitting = Vec::with_capacity(ranges.len());
    for range in ranges {
        fit(&section.text, range, tokens, sizes.max_tokens, &mut fitting);
    }
    fitting
}

/// Returns the ranges into which the splitter divides a part of a section.
fn divide_body(section: &Section, body: Range<usize>, tokens: &Tokens, sizes: Sizes) -> Vec<Range<usize>> {
    let text = section.text.get(body.clone()).unwrap_or_default();
    let table = TokenTable::new(text, tokens);
    let capacity = ChunkCapacity::new(sizes.desired_tokens);
    let capacity = capacity.with_max(sizes.stretched_tokens).unwrap_or(capacity);
    let config = ChunkConfig::new(capacity).with_sizer(&table);
    let range = |(start, part): (usize, &str)| body.start + start..body.start + start + part.len();
    match section.syntax {
        Syntax::Plain => TextSplitter::new(config).chunk_indices(text).map(range).collect(),
        Syntax::Markdown => MarkdownSplitter::new(config).chunk_indices(text).map(range).collect(),
    }
}

/// Adds a range without white space around it, halved until each part fits. A part that stands alone may have more tokens than within
/// the text, from which the splitter knows its size.
fn fit(text: &str, range: Range<usize>, tokens: &Tokens, max_tokens: usize, fitting: &mut Vec<SizedRange>) {
    let mut pending = vec![range];
    while let Some(range) = pending.pop() {
        let Some(range) = trim(text, range) else { continue };
        let part = text.get(range.clone()).unwrap_or_default();
        let (count, middle) = (tokens.count(part), middle(part));
        if (count <= max_tokens && part.len() <= MAX_CHUNK_BYTES) || middle == 0 {
            fitting.push(SizedRange { range, tokens: count });
            continue;
        }
        let middle = range.start + middle;
        pending.push(middle..range.end);
        pending.push(range.start..middle);
    }
}

/// Returns a range without white space around it, or `None` if there is nothing else.
fn trim(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let part = text.get(range.clone())?;
    let start = range.start + (part.len() - part.trim_start().len());
    let trimmed = part.trim();
    (!trimmed.is_empty()).then(|| start..start + trimmed.len())
}

/// Returns the offset behind the last space in the first half of a text, or else of its middle. 0 if the text has one character.
fn middle(text: &str) -> usize {
    let half = text.floor_char_boundary(text.len() / 2);
    let half = if half == 0 { text.chars().next().map_or(0, char::len_utf8) } else { half };
    if half >= text.len() {
        return 0;
    }
    let first = text.get(..half).unwrap_or_default();
    first.rfind(char::is_whitespace).map_or(half, |space| text.ceil_char_boundary(space + 1))
}
