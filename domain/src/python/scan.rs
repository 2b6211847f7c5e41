//! Scan of source code for strings, brackets and nesting, in linear time and without recursion.

mod f_string;
mod string;

use std::ops::Range;

use super::depth::DepthMeter;

/// Number of brackets that may be open at the same time in every version of Python.
const MAX_BRACKETS: usize = 200;

/// Number of f-strings that may end differently from what their braces say. To find that out, the rest of the code is read.
const MAX_UNCLEAR_F_STRINGS: usize = 20;

/// Keywords that do not contain what follows behind a comma.
const OPERATOR_WORDS: &[&str] = &["and", "or", "not", "in", "is"];
/// Keywords that may contain what follows, also behind a comma.
const KEYWORDS: &[&str] = &[
    "as", "assert", "async", "await", "break", "case", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "lambda", "lazy", "match", "nonlocal",
    "pass", "raise", "return", "try", "type", "while", "with", "yield",
];

/// Result of a scan.
#[derive(Debug)]
pub(super) enum Scan {
    /// No version of Python accepts the code.
    Mistake {
        /// Position of the mistake, in bytes.
        offset: usize,
        /// Explanation of the mistake.
        message: String,
    },
    /// It is not clear where f-strings begin or end, as in `1.e5f"{x}"`.
    Ambiguous,
    /// Strings and brackets are closed.
    Complete(Scanned),
}

/// Code whose strings and brackets are closed.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The code, of the same length, in which each f-string is replaced by a string.
    pub(super) text: String,
    /// Positions of the f-strings, in bytes.
    pub(super) f_strings: Vec<Range<usize>>,
    /// Upper bound of the nesting of the text.
    pub(super) depth: usize,
}

/// Scans code.
pub(super) fn scan(code: &str) -> Scan {
    let mut scanner = Scanner { bytes: code.as_bytes(), ..Scanner::default() };
    match scanner.run() {
        Err(Stop::Mistake { offset, message }) => Scan::Mistake { offset, message },
        Err(Stop::Ambiguous) => Scan::Ambiguous,
        Ok(()) => {
            let Scanner { depth, f_strings, .. } = scanner;
            Scan::Complete(Scanned {
                text: without_f_strings(code, &f_strings),
                f_strings,
                depth: depth.finish(),
            })
        }
    }
}

/// Replaces each f-string by a string of the same length. A string that had several lines becomes one line.
fn without_f_strings(code: &str, f_strings: &[Range<usize>]) -> String {
    let mut text = String::with_capacity(code.len());
    let mut end = 0;
    for range in f_strings {
        text.push_str(code.get(end..range.start).unwrap_or_default());
        text.push('"');
        text.extend(std::iter::repeat_n('x', range.len().saturating_sub(2)));
        text.push('"');
        end = range.end;
    }
    text.push_str(code.get(end..).unwrap_or_default());
    text
}

/// Reason to stop a scan.
#[derive(Debug)]
enum Stop {
    Mistake { offset: usize, message: String },
    Ambiguous,
}

#[derive(Debug, Default)]
struct Scanner<'c> {
    bytes: &'c [u8],
    at: usize,
    /// Open brackets with their positions.
    open: Vec<(u8, usize)>,
    depth: DepthMeter,
    f_strings: Vec<Range<usize>>,
    unclear_f_strings: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn run(&mut self) -> Result<(), Stop> {
        while let Some(byte) = self.peek() {
            match byte {
                0 => return Err(mistake(self.at, "the code contains a null character")),
                b'#' => self.at = string::end_of_line(self.bytes, self.at),
                b'"' | b'\'' => self.plain_string()?,
                b'(' | b'[' | b'{' => self.open(byte)?,
                b')' | b']' | b'}' => self.close(byte)?,
                byte if is_word(byte) => self.word()?,
                byte => self.other(byte),
            }
        }
        match self.open.last() {
            Some((bracket, offset)) => {
                Err(mistake(*offset, format!("'{}' was never closed", char::from(*bracket))))
            }
            None => Ok(()),
        }
    }

    fn other(&mut self, byte: u8) {
        self.at += 1;
        match byte {
            b'\n' | b'\r' | b';' => self.depth.end_line(),
            b',' => self.depth.comma(),
            b' ' | b'\t' | b'\x0c' | b':' | b'=' => {}
            b'\\' => self.at = string::after_newline(self.bytes, self.at),
            _ => self.depth.token(),
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), Stop> {
        if self.open.len() >= MAX_BRACKETS {
            return Err(mistake(self.at, "too many nested parentheses"));
        }
        self.open.push((bracket, self.at));
        self.depth.open();
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<(), Stop> {
        let closed = match bracket {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        let shown = char::from(bracket);
        match self.open.pop() {
            None => return Err(mistake(self.at, format!("unmatched '{shown}'"))),
            Some((open, _)) if open != closed => {
                let open = char::from(open);
                let message =
                    format!("closing parenthesis '{shown}' does not match opening parenthesis '{open}'");
                return Err(mistake(self.at, message));
            }
            Some(_) => {}
        }
        self.depth.close();
        self.at += 1;
        Ok(())
    }

    /// Scans a name, a keyword, a number or the prefix of a string.
    fn word(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let length = self.bytes.iter().skip(start).take_while(|byte| is_word(**byte)).count();
        self.at += length;
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let is_known = self.count_keyword(start, word);
        if matches!(self.peek(), Some(b'"' | b'\'')) {
            return match string::prefix(word) {
                string::Prefix::Formatted => self.f_string(start),
                string::Prefix::Plain => self.plain_string(),
                string::Prefix::Other if is_known => self.plain_string(),
                string::Prefix::Other => Err(Stop::Ambiguous),
            };
        }
        Ok(())
    }

    /// Counts a word that is a keyword, or that may contain one. Returns whether it is exactly a keyword.
    fn count_keyword(&mut self, start: usize, word: &[u8]) -> bool {
        let is_one_of = |words: &[&str]| words.iter().any(|known| known.as_bytes() == word);
        if is_one_of(OPERATOR_WORDS) {
            self.depth.token();
            return true;
        }
        let is_keyword = is_one_of(KEYWORDS);
        if is_keyword || may_end_with_keyword(self.bytes, start, word) {
            self.depth.keyword();
        }
        is_keyword
    }

    fn plain_string(&mut self) -> Result<(), Stop> {
        self.at = string::end(self.bytes, self.at).ok_or_else(|| unterminated(self.at))?;
        Ok(())
    }

    /// Scans an f-string or t-string. Its quotes may also stand within its expressions, as of Python 3.12.
    fn f_string(&mut self, start: usize) -> Result<(), Stop> {
        let quote = self.at;
        self.at = match f_string::end(self.bytes, start, quote) {
            Some(end) => end,
            None => self.unclear_f_string(start, quote)?,
        };
        self.f_strings.push(start..self.at);
        Ok(())
    }

    /// Returns the end of an f-string whose braces do not match: the next quotes, as in Python 3.11.
    fn unclear_f_string(&mut self, start: usize, quote: usize) -> Result<usize, Stop> {
        self.unclear_f_strings += 1;
        if self.unclear_f_strings > MAX_UNCLEAR_F_STRINGS {
            return Err(Stop::Ambiguous);
        }
        string::end(self.bytes, quote).ok_or_else(|| unterminated(start))
    }
}

/// Returns whether a parser may read a keyword at the end of a word: after a number, as in `0if` and `1.e5else`, or after a
/// character that is no part of a name.
fn may_end_with_keyword(bytes: &[u8], start: usize, word: &[u8]) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    let follows_number = matches!(before, [.., digit, b'.'] if digit.is_ascii_digit() || *digit == b'_');
    let starts_with_number = word.first().is_some_and(u8::is_ascii_digit);
    follows_number || !word.is_ascii() || (starts_with_number && !is_number(word))
}

/// Returns whether a word is a number, or the part of one before a sign, such as `1e` in `1e-5`.
fn is_number(word: &[u8]) -> bool {
    let all =
        |digits: &[u8], is_digit: fn(&u8) -> bool| digits.iter().all(|byte| is_digit(byte) || *byte == b'_');
    match word.to_ascii_lowercase().as_slice() {
        [b'0', b'x', digits @ ..] => all(digits, u8::is_ascii_hexdigit),
        [b'0', b'o' | b'b', digits @ ..] => all(digits, u8::is_ascii_digit),
        digits => all(digits, |byte| byte.is_ascii_digit() || matches!(byte, b'e' | b'j')),
    }
}

fn mistake(offset: usize, message: impl Into<String>) -> Stop {
    Stop::Mistake { offset, message: message.into() }
}

fn unterminated(offset: usize) -> Stop {
    mistake(offset, "unterminated string literal")
}

/// Returns whether a byte is part of a name or a number.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}
