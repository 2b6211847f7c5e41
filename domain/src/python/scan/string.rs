//! Strings without expressions, and comments.

/// Kind of string that a prefix begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// A string, or bytes.
    Plain,
    /// An f-string or t-string.
    Formatted,
    /// Another word. A parser may read its end as the prefix of an f-string, as in `1.e5f"{x}"`.
    Other,
}

/// Returns the kind of string that begins after a word.
pub(super) fn prefix(word: &[u8]) -> Prefix {
    match word.to_ascii_lowercase().as_slice() {
        b"f" | b"fr" | b"rf" | b"t" | b"tr" | b"rt" => Prefix::Formatted,
        b"b" | b"br" | b"rb" | b"r" | b"u" => Prefix::Plain,
        _ => Prefix::Other,
    }
}

/// The quotes of a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotes {
    pub(super) quote: u8,
    pub(super) is_triple: bool,
}

impl Quotes {
    /// Returns the quotes that open a string at a position, and the position after them.
    pub(super) fn open(bytes: &[u8], at: usize) -> Option<(Self, usize)> {
        let quote = *bytes.get(at)?;
        let is_triple = bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote);
        Some((Self { quote, is_triple }, at + if is_triple { 3 } else { 1 }))
    }

    /// Returns the position after the quotes if they close a string at a position.
    pub(super) fn close(self, bytes: &[u8], at: usize) -> Option<usize> {
        let length = if self.is_triple { 3 } else { 1 };
        let found = bytes.get(at..at + length)?;
        found.iter().all(|byte| *byte == self.quote).then_some(at + length)
    }
}

/// Returns the position after a string that begins at a position, if it is closed.
pub(super) fn end(bytes: &[u8], at: usize) -> Option<usize> {
    let (quotes, mut at) = Quotes::open(bytes, at)?;
    loop {
        if let Some(end) = quotes.close(bytes, at) {
            return Some(end);
        }
        at = match *bytes.get(at)? {
            b'\\' => after_escape(bytes, at),
            b'\n' | b'\r' if !quotes.is_triple => return None,
            _ => at + 1,
        };
    }
}

/// Returns the position after a backslash and the character or the newline that it escapes.
pub(super) fn after_escape(bytes: &[u8], at: usize) -> usize {
    match after_newline(bytes, at + 1) {
        after if after > at + 1 => after,
        _ => at + 2,
    }
}

/// Returns the position after a newline, if there is one at the position.
pub(super) fn after_newline(bytes: &[u8], at: usize) -> usize {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => at + 2,
        (Some(b'\r' | b'\n'), _) => at + 1,
        _ => at,
    }
}

/// Returns the position of the end of the line.
pub(super) fn end_of_line(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|byte| !matches!(byte, b'\n' | b'\r')).count()
}
