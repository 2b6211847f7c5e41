//! Positions in source code.

/// A position in source code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Line, starting at 1.
    pub(super) line: usize,
    /// Column in characters, starting at 1.
    pub(super) column: usize,
}

impl Position {
    /// Returns the position of a byte.
    pub(super) fn at_offset(code: &str, offset: usize) -> Self {
        let before = code.get(..code.floor_char_boundary(offset)).unwrap_or(code);
        let mut position = Self { line: 1, column: 1 };
        let mut characters = before.chars().peekable();
        while let Some(character) = characters.next() {
            let is_newline = character == '\n' || (character == '\r' && characters.peek() != Some(&'\n'));
            position = if is_newline {
                Self { line: position.line + 1, column: 1 }
            } else {
                Self { column: position.column + 1, ..position }
            };
        }
        position
    }
}
