//! Cuts what a step writes into lines of bounded length.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The longest piece of a line in one event, in bytes. The container runtime cuts a line of a container's log
/// at 16 KiB as well.
const MAX_LINE_BYTES: usize = 16 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// A line, or a piece of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// The line goes on in the next one.
    pub(crate) partial: bool,
}

/// The reading end of a step's standard output or error.
pub(crate) struct Lines {
    pipe: File,
    rest: Vec<u8>,
}

impl Lines {
    /// `pipe` must not block.
    pub(crate) fn new(pipe: OwnedFd) -> Self {
        Self { pipe: File::from(pipe), rest: Vec::new() }
    }

    /// Reads once and returns the lines that are whole by now; `None` when the pipe has ended and all is read.
    pub(crate) fn read(&mut self) -> Option<Vec<Line>> {
        let mut bytes = [0; READ_BYTES];
        match self.pipe.read(&mut bytes) {
            Ok(0) => self.last(),
            Ok(read) => {
                self.rest.extend_from_slice(bytes.get(..read).unwrap_or_default());
                Some(cut(&mut self.rest))
            }
            Err(error) if is_temporary(&error) => Some(Vec::new()),
            Err(_) => self.last(),
        }
    }

    /// What was written after the last line break; then the end.
    fn last(&mut self) -> Option<Vec<Line>> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| vec![Line { text: text(&rest), partial: false }])
    }
}

impl AsFd for Lines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Takes the whole lines, and the pieces of one that is too long, out of the buffer.
fn cut(buffer: &mut Vec<u8>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(rest) = buffer.get(at..) {
        let window = rest.get(..=MAX_LINE_BYTES).unwrap_or(rest);
        if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
            lines.push(Line { text: text(window.get(..end).unwrap_or_default()), partial: false });
            at += end + 1;
        } else if window.len() > MAX_LINE_BYTES {
            let end = boundary(window);
            lines.push(Line { text: text(window.get(..end).unwrap_or_default()), partial: true });
            at += end;
        } else {
            break;
        }
    }
    buffer.drain(..at);
    lines
}

/// Where to cut a line that is too long: not within a character.
fn boundary(window: &[u8]) -> usize {
    let is_start = |at: &usize| window.get(*at).is_some_and(|byte| byte & 0b1100_0000 != 0b1000_0000);
    (MAX_LINE_BYTES - 3..=MAX_LINE_BYTES).rev().find(is_start).unwrap_or(MAX_LINE_BYTES)
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Line {
        Line { text: text.into(), partial: false }
    }

    /// The last words of a step that crashed are missing from its log.
    #[test]
    fn what_has_no_line_break_waits_for_it_or_for_the_end() {
        let mut buffer = b"one\r\ntwo\nthr".to_vec();
        assert_eq!(cut(&mut buffer), [whole("one"), whole("two")]);
        assert_eq!(buffer, b"thr");
    }

    /// A long line with umlauts arrives with broken characters, or with a piece missing.
    #[test]
    fn a_long_line_comes_in_pieces_that_join_to_the_whole() {
        let long = "ü".repeat(MAX_LINE_BYTES);
        let mut buffer = format!("x{long}\nend\n").into_bytes();
        let lines = cut(&mut buffer);
        let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(joined, format!("x{long}end"));
        assert!(lines.iter().all(|line| line.text.len() <= MAX_LINE_BYTES));
        let partial: Vec<bool> = lines.iter().map(|line| line.partial).collect();
        assert_eq!(partial, [true, true, false, false]);
    }
}
