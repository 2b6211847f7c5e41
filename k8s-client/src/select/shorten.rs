//! Shortening of a JSON string in text that is received in chunks.

/// Copies the beginning of a JSON string. A value of another type is copied as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortener {
    /// Number of bytes that may still be copied.
    remaining: usize,
    position: Position,
    is_cut: bool,
}

/// Position in the text of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Before the first byte.
    Start,
    /// In a value that is not a string.
    NotString,
    /// After a character of the string.
    Character,
    /// After a backslash.
    Backslash,
    /// In the digits of `\u0000`, of which this many follow. The next character may belong to the same surrogate pair.
    Digits(u8),
    /// After the closing quotation mark.
    End,
}

impl Shortener {
    /// Returns a shortener that copies about this number of bytes: a character or an escape is copied as a whole.
    pub(super) fn new(bytes: usize) -> Self {
        Self { remaining: bytes, position: Position::Start, is_cut: false }
    }

    /// Appends what is copied of the next chunk of the value.
    pub(super) fn copy(&mut self, chunk: &[u8], copied: &mut Vec<u8>) {
        for byte in chunk {
            let before = self.position;
            self.position = next(before, *byte);
            let is_string = !matches!(before, Position::Start | Position::NotString);
            let ends = self.position == Position::End;
            if is_string && !ends && !self.is_cut && self.remaining == 0 && is_boundary(before, *byte) {
                copied.extend_from_slice("…".as_bytes());
                self.is_cut = true;
            }
            if !self.is_cut || ends {
                copied.push(*byte);
                self.remaining = self.remaining.saturating_sub(usize::from(is_string));
            }
        }
    }
}

/// Returns the position after a byte.
fn next(position: Position, byte: u8) -> Position {
    match (position, byte) {
        (Position::Start, b'"') => Position::Character,
        (Position::Start | Position::NotString, _) => Position::NotString,
        (Position::Backslash, b'u') => Position::Digits(4),
        (Position::Digits(left), _) if left > 0 => Position::Digits(left - 1),
        (Position::Character | Position::Digits(_), b'"') => Position::End,
        (Position::Character | Position::Digits(_), b'\\') => Position::Backslash,
        (Position::End, _) => Position::End,
        _ => Position::Character,
    }
}

/// Returns whether a string can be cut before a byte: it begins a character, and is not the second part of a surrogate pair.
fn is_boundary(before: Position, byte: u8) -> bool {
    let is_continuation = byte & 0xC0 == 0x80;
    match before {
        Position::Character => !is_continuation,
        Position::Digits(0) => byte != b'\\',
        _ => false,
    }
}
