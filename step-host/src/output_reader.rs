//! Reader of a step's output that splits it into lines of bounded length.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Maximum size of a line in one event in bytes. The container runtime splits lines of a container's log at 16 KiB as
/// well.
const MAX_LINE_BYTES: usize = 16 * 1024;
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Line, or a piece of a long one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutputLine {
    pub(crate) text: String,
    /// The line continues in the next one.
    pub(crate) partial: bool,
}

/// Reader of a step's standard output or standard error.
pub(crate) struct OutputReader {
    pipe: File,
    /// Bytes of a line that is not complete yet.
    buffer: Vec<u8>,
}

impl OutputReader {
    /// Returns a reader for a non-blocking pipe.
    pub(crate) fn new(pipe: OwnedFd) -> Self {
        Self { pipe: File::from(pipe), buffer: Vec::new() }
    }

    /// Reads once and returns the complete lines, or `None` if the pipe has ended and everything is read.
    pub(crate) fn read(&mut self) -> Option<Vec<OutputLine>> {
        let mut bytes = [0; READ_BUFFER_BYTES];
        match self.pipe.read(&mut bytes) {
            Ok(0) => self.take_remainder(),
            Ok(read) => {
                self.buffer.extend_from_slice(bytes.get(..read).unwrap_or_default());
                Some(take_lines(&mut self.buffer))
            }
            Err(error) if is_temporary(&error) => Some(Vec::new()),
            Err(_) => self.take_remainder(),
        }
    }

    /// Returns the text after the last line break, and then `None`.
    fn take_remainder(&mut self) -> Option<Vec<OutputLine>> {
        let remainder = std::mem::take(&mut self.buffer);
        (!remainder.is_empty()).then(|| vec![OutputLine { text: decode(&remainder), partial: false }])
    }
}

impl AsFd for OutputReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Removes and returns the complete lines, and the pieces of a line that is too long.
fn take_lines(buffer: &mut Vec<u8>) -> Vec<OutputLine> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(rest) = buffer.get(at..) {
        let window = rest.get(..=MAX_LINE_BYTES).unwrap_or(rest);
        if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
            lines.push(OutputLine { text: decode(window.get(..end).unwrap_or_default()), partial: false });
            at += end + 1;
        } else if window.len() > MAX_LINE_BYTES {
            let end = split_position(window);
            lines.push(OutputLine { text: decode(window.get(..end).unwrap_or_default()), partial: true });
            at += end;
        } else {
            break;
        }
    }
    buffer.drain(..at);
    lines
}

/// Returns the position at which to split a line that is too long, which is not within a character.
fn split_position(window: &[u8]) -> usize {
    let is_start = |at: &usize| window.get(*at).is_some_and(|byte| byte & 0b1100_0000 != 0b1000_0000);
    (MAX_LINE_BYTES - 3..=MAX_LINE_BYTES).rev().find(is_start).unwrap_or(MAX_LINE_BYTES)
}

/// Decodes a line and removes a carriage return at its end. Invalid UTF-8 is replaced.
fn decode(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete_line(text: &str) -> OutputLine {
        OutputLine { text: text.into(), partial: false }
    }

    /// Text without a line break stays in the buffer until the line or the stream ends.
    #[test]
    fn an_incomplete_line_stays_in_the_buffer() {
        let mut buffer = b"one\r\ntwo\nthr".to_vec();
        assert_eq!(take_lines(&mut buffer), [complete_line("one"), complete_line("two")]);
        assert_eq!(buffer, b"thr");
    }

    /// The pieces of a long line join to the original text, without split characters.
    #[test]
    fn the_pieces_of_a_long_line_join_to_the_line() {
        let long = "ü".repeat(MAX_LINE_BYTES);
        let mut buffer = format!("x{long}\nend\n").into_bytes();
        let lines = take_lines(&mut buffer);
        let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(joined, format!("x{long}end"));
        assert!(lines.iter().all(|line| line.text.len() <= MAX_LINE_BYTES));
        let partial: Vec<bool> = lines.iter().map(|line| line.partial).collect();
        assert_eq!(partial, [true, true, false, false]);
    }
}
