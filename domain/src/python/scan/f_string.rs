//! F-strings, whose expressions may contain further strings.

use super::is_word;
use super::string::{self, Prefix, Quotes, after_escape, end_of_line, prefix};

/// Maximum number of parts that are open at the same time. Python 3.11 permits 2 levels of formats, later versions 150 strings.
const MAX_PARTS: usize = 500;

/// A part of an f-string that is not closed yet.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Text of an f-string.
    Text { quotes: Quotes, is_raw: bool },
    /// Expression in braces, with the number of its open brackets.
    Expression { open: usize },
    /// Format after the colon of an expression.
    Format,
}

/// Returns the position after an f-string whose prefix and quotes begin at these positions, or `None` if it is not closed, or
/// its braces do not match.
pub(super) fn end(bytes: &[u8], start: usize, quote: usize) -> Option<usize> {
    let mut parts = Vec::new();
    let mut at = open(bytes, start, quote, &mut parts)?;
    while let Some(part) = parts.last().copied() {
        if parts.len() > MAX_PARTS {
            return None;
        }
        at = match part {
            Part::Text { quotes, is_raw } => match quotes.close(bytes, at) {
                Some(end) => {
                    parts.pop();
                    end
                }
                None => text(bytes, at, quotes, is_raw, &mut parts)?,
            },
            Part::Expression { open } => expression(bytes, at, open, &mut parts)?,
            Part::Format => format(bytes, at, &mut parts)?,
        };
    }
    Some(at)
}

fn open(bytes: &[u8], start: usize, quote: usize, parts: &mut Vec<Part>) -> Option<usize> {
    let prefix = bytes.get(start..quote)?;
    let (quotes, at) = Quotes::open(bytes, quote)?;
    parts.push(Part::Text { quotes, is_raw: prefix.to_ascii_lowercase().contains(&b'r') });
    Some(at)
}

fn text(bytes: &[u8], at: usize, quotes: Quotes, is_raw: bool, parts: &mut Vec<Part>) -> Option<usize> {
    let next = bytes.get(at + 1).copied();
    match *bytes.get(at)? {
        b'\\' if matches!(next, Some(b'{' | b'}')) => Some(at + 1),
        // The name of a character.
        b'\\' if next == Some(b'N') && !is_raw && bytes.get(at + 2) == Some(&b'{') => Some(at + 3),
        b'\\' => Some(after_escape(bytes, at)),
        b'{' if next == Some(b'{') => Some(at + 2),
        b'{' => {
            parts.push(Part::Expression { open: 0 });
            Some(at + 1)
        }
        b'\n' | b'\r' if !quotes.is_triple => None,
        _ => Some(at + 1),
    }
}

fn expression(bytes: &[u8], at: usize, open_brackets: usize, parts: &mut Vec<Part>) -> Option<usize> {
    let replace = |parts: &mut Vec<Part>, part: Part| {
        parts.pop();
        parts.push(part);
    };
    match *bytes.get(at)? {
        b'"' | b'\'' => string::end(bytes, at),
        b'#' => Some(end_of_line(bytes, at)),
        b'(' | b'[' | b'{' => {
            replace(parts, Part::Expression { open: open_brackets + 1 });
            Some(at + 1)
        }
        b')' | b']' | b'}' if open_brackets > 0 => {
            replace(parts, Part::Expression { open: open_brackets - 1 });
            Some(at + 1)
        }
        b'}' => {
            parts.pop();
            Some(at + 1)
        }
        b')' | b']' => None,
        b':' if open_brackets == 0 => {
            replace(parts, Part::Format);
            Some(at + 1)
        }
        byte if is_word(byte) => {
            let length = bytes.iter().skip(at).take_while(|byte| is_word(**byte)).count();
            let end = at + length;
            match (bytes.get(end), prefix(bytes.get(at..end)?)) {
                (Some(b'"' | b'\''), Prefix::Formatted) => open(bytes, at, end, parts),
                _ => Some(end),
            }
        }
        _ => Some(at + 1),
    }
}

/// A format has the quotes of the string that it is part of.
fn format(bytes: &[u8], at: usize, parts: &mut Vec<Part>) -> Option<usize> {
    let quotes = parts.iter().rev().find_map(|part| match part {
        Part::Text { quotes, is_raw: _ } => Some(*quotes),
        Part::Expression { open: _ } | Part::Format => None,
    })?;
    if quotes.close(bytes, at).is_some() {
        return None;
    }
    match *bytes.get(at)? {
        b'{' => {
            parts.push(Part::Expression { open: 0 });
            Some(at + 1)
        }
        b'}' => {
            parts.pop();
            Some(at + 1)
        }
        b'\\' => Some(after_escape(bytes, at)),
        b'\n' | b'\r' if !quotes.is_triple => None,
        _ => Some(at + 1),
    }
}
