//! Check of Python code before it is executed: mistakes of its syntax, and whether it defines `run(input, ctx)`.
//!
//! Only what no released version of Python 3 accepts is a mistake. Code that cannot be checked within bounds is accepted,
//! and fails when its step starts.
//!
//! The parser recurses as deep as the code is nested, and keeps every level on its stack. Therefore `scan` reads the code
//! first, in linear time and without recursion: it finds strings and brackets that are not closed, bounds the nesting
//! (`depth`), and replaces each f-string by a plain string, because the parser reads text again as code when it recovers from
//! a mistake in an f-string.

mod depth;
mod entry_point;
mod position;
mod scan;

use std::ops::Range;

use ruff_python_ast::PySourceType;
use ruff_python_parser::{ParseError, parse_unchecked_source};

use position::Position;
use scan::{Scan, Scanned};

/// Maximum length of code that is checked, in bytes: the 65,536 characters that the resource permits.
const MAX_BYTES: usize = 4 * 65_536;
/// Maximum nesting that is checked. Python 3.11 itself permits 200 brackets and 100 indentations; the rest is for operators and
/// calls that follow each other.
const MAX_DEPTH: usize = 500;
/// Maximum length of an f-string that is checked, in bytes, which bounds its nesting, too.
const MAX_F_STRING_BYTES: usize = MAX_DEPTH;
/// Maximum number of f-strings that are checked.
const MAX_F_STRINGS: usize = 200;
/// Maximum number of mistakes that are listed: one mistake often causes others.
const MAX_MISTAKES: usize = 5;

/// A mistake in Python code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The code does not parse.
    Syntax {
        /// Line, starting at 1.
        line: usize,
        /// Column in characters, starting at 1.
        column: usize,
        /// Explanation of the mistake.
        message: String,
    },
    /// The code does not define a function that can be called as `run(input, ctx)`.
    EntryPoint {
        /// Explanation of the mistake.
        message: String,
    },
}

/// Returns the mistakes in the code of a step, by line: at most five, and none for code that is too large or too deeply nested
/// to be checked.
#[must_use]
pub fn check(code: &str) -> Vec<Mistake> {
    if code.len() > MAX_BYTES {
        return Vec::new();
    }
    match scan::scan(code) {
        Scan::Mistake { offset, message } => vec![syntax(code, offset, message)],
        Scan::Ambiguous => Vec::new(),
        Scan::Complete(scanned) if scanned.depth > MAX_DEPTH => Vec::new(),
        Scan::Complete(scanned) => parse(code, &scanned),
    }
}

fn parse(code: &str, scanned: &Scanned) -> Vec<Mistake> {
    let parsed = parse_unchecked_source(&scanned.text, PySourceType::Python);
    let mut found: Vec<_> = parsed.errors().iter().map(|error| located(error, 0)).collect();
    for range in
        scanned.f_strings.iter().filter(|range| range.len() <= MAX_F_STRING_BYTES).take(MAX_F_STRINGS)
    {
        found.extend(f_string_mistakes(code, range));
    }
    if found.is_empty() {
        let entry_point = entry_point::check(code, &scanned.text, &parsed);
        return entry_point.map(|message| Mistake::EntryPoint { message }).into_iter().collect();
    }
    found.sort();
    found.truncate(MAX_MISTAKES);
    found.into_iter().map(|(offset, message)| syntax(code, offset, message)).collect()
}

/// Returns the mistakes in an f-string, which is parsed alone.
fn f_string_mistakes(code: &str, range: &Range<usize>) -> Vec<(usize, String)> {
    let Some(text) = code.get(range.clone()) else { return Vec::new() };
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    parsed.errors().iter().map(|error| located(error, range.start)).collect()
}

fn located(error: &ParseError, base: usize) -> (usize, String) {
    (base + error.location.start().to_usize(), error.error.to_string())
}

fn syntax(code: &str, offset: usize, message: String) -> Mistake {
    let Position { line, column } = Position::at_offset(code, offset);
    Mistake::Syntax { line, column, message }
}

#[cfg(test)]
mod tests;
