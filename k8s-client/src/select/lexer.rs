//! End of a JSON value in text that is received in chunks.

/// Lexer of one JSON value of which all or nothing is selected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ValueLexer {
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    has_ended: bool,
}

impl ValueLexer {
    /// Returns whether the value has ended.
    pub(super) fn has_ended(self) -> bool {
        self.has_ended
    }

    /// Returns the number of bytes of `text` that belong to the value.
    pub(super) fn scan(&mut self, text: &[u8]) -> usize {
        for (index, byte) in text.iter().enumerate() {
            let is_last = if self.in_string { self.scan_string(*byte) } else { self.scan_value(*byte) };
            match is_last {
                None => {}
                Some(End::Includes) => return index + 1,
                Some(End::Precedes) => return index,
            }
        }
        text.len()
    }

    fn scan_string(&mut self, byte: u8) -> Option<End> {
        match byte {
            _ if self.after_backslash => self.after_backslash = false,
            b'\\' => self.after_backslash = true,
            b'"' => {
                self.in_string = false;
                return self.end_at_root(End::Includes);
            }
            _ => {}
        }
        None
    }

    fn scan_value(&mut self, byte: u8) -> Option<End> {
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                return self.end_at_root(End::Includes);
            }
            // A number, a boolean or null ends before the delimiter that follows it.
            b'}' | b']' | b',' | b' ' | b'\n' | b'\r' | b'\t' => return self.end_at_root(End::Precedes),
            _ => {}
        }
        None
    }

    fn end_at_root(&mut self, end: End) -> Option<End> {
        self.has_ended = self.depth == 0;
        self.has_ended.then_some(end)
    }
}

/// Position of the end of a value.
enum End {
    /// The current byte is the last one of the value.
    Includes,
    /// The current byte follows the value.
    Precedes,
}
