//! Limits of a document, checked on its text in one pass before it is parsed. They bound the work of the parser;
//! `document_work` bounds the work after it.

use super::document_work::{MAX_REPRESENTATIONS, MAX_SELECTIONS, MAX_VALUES};

/// Maximum nesting of selections, lists and objects. The depth limit of the schema refuses deeper selections anyway.
const MAX_NESTING: usize = 64;
/// Maximum number of names, numbers, strings and punctuators. Documents of large clients have some hundreds.
const MAX_TOKENS: usize = 5_000;
/// Maximum number of aliases, which repeat a field under other names without adding depth.
const MAX_ALIASES: usize = 30;

/// Limit that a document exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// Nesting of brackets.
    #[error("failed to read the document: brackets are nested more than {MAX_NESTING} levels deep")]
    Nesting,
    /// Number of tokens.
    #[error("failed to read the document: it has more than {MAX_TOKENS} tokens")]
    Tokens,
    /// Number of aliases.
    #[error("failed to read the document: it has more than {MAX_ALIASES} aliases")]
    Aliases,
    /// Number of selections with all fragments expanded.
    #[error("failed to read the document: its fragments expand to more than {MAX_SELECTIONS} selections")]
    Selections,
    /// Number of values in arguments with all fragments and variables expanded.
    #[error("failed to read the document: its arguments expand to more than {MAX_VALUES} values")]
    Values,
    /// Number of representations of entities.
    #[error("failed to read the document: it looks for more than {MAX_REPRESENTATIONS} entities")]
    Representations,
    /// Fragment that contains itself.
    #[error("failed to read the document: a fragment contains itself")]
    Cycle,
}

/// Checks the limits on the text of a document, which may be malformed.
///
/// # Errors
/// Returns an error if the document exceeds a limit.
pub(crate) fn check_document(document: &str) -> Result<(), TooLarge> {
    let mut counts = Counts::default();
    let mut text = document.as_bytes();
    while let Some((token, after)) = next_token(text) {
        counts.add(token)?;
        text = after;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open { is_parenthesis: bool },
    Close { is_parenthesis: bool },
    Colon,
    Other,
    Blank,
}

#[derive(Default)]
struct Counts {
    tokens: usize,
    nesting: usize,
    parentheses: usize,
    aliases: usize,
}

impl Counts {
    fn add(&mut self, token: Token) -> Result<(), TooLarge> {
        self.tokens += usize::from(token != Token::Blank);
        match token {
            Token::Open { is_parenthesis } => {
                self.nesting += 1;
                self.parentheses += usize::from(is_parenthesis);
            }
            Token::Close { is_parenthesis } => {
                self.nesting = self.nesting.saturating_sub(1);
                self.parentheses = self.parentheses.saturating_sub(usize::from(is_parenthesis));
            }
            // Inside parentheses, a colon belongs to an argument or a variable.
            Token::Colon => self.aliases += usize::from(self.parentheses == 0),
            Token::Other | Token::Blank => {}
        }
        match self {
            Self { nesting, .. } if *nesting > MAX_NESTING => Err(TooLarge::Nesting),
            Self { tokens, .. } if *tokens > MAX_TOKENS => Err(TooLarge::Tokens),
            Self { aliases, .. } if *aliases > MAX_ALIASES => Err(TooLarge::Aliases),
            Self { .. } => Ok(()),
        }
    }
}

/// Returns the first token of a text and the text after it.
fn next_token(text: &[u8]) -> Option<(Token, &[u8])> {
    let (first, rest) = text.split_first()?;
    Some(match first {
        b'#' => (Token::Blank, after(rest, |byte| byte != b'\n')),
        b'"' => (Token::Other, after_string(rest)),
        b'(' | b'[' | b'{' => (Token::Open { is_parenthesis: *first == b'(' }, rest),
        b')' | b']' | b'}' => (Token::Close { is_parenthesis: *first == b')' }, rest),
        b':' => (Token::Colon, rest),
        byte if is_word(*byte) => (Token::Other, after(rest, is_word)),
        byte if byte.is_ascii_whitespace() || *byte == b',' => (Token::Blank, rest),
        _ => (Token::Other, rest),
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'.'
}

fn after(text: &[u8], skipped: impl Fn(u8) -> bool) -> &[u8] {
    let length = text.iter().take_while(|byte| skipped(**byte)).count();
    text.get(length..).unwrap_or_default()
}

/// Returns the text after a string whose first quote was consumed.
fn after_string(text: &[u8]) -> &[u8] {
    match text.strip_prefix(b"\"\"") {
        Some(block) => after_block(block),
        None => after_single_line_string(text),
    }
}

fn after_single_line_string(mut text: &[u8]) -> &[u8] {
    while let Some((first, rest)) = text.split_first() {
        text = match first {
            b'"' | b'\n' => return rest,
            b'\\' => rest.get(1..).unwrap_or_default(),
            _ => rest,
        };
    }
    text
}

/// Returns the text after a block string, which ends at a triple quote that is not escaped.
fn after_block(mut text: &[u8]) -> &[u8] {
    const QUOTES: &[u8] = b"\"\"\"";
    const ESCAPED: &[u8] = b"\\\"\"\"";
    while !text.is_empty() {
        if let Some(rest) = text.strip_prefix(QUOTES) {
            return rest;
        }
        let skipped = if text.starts_with(ESCAPED) { ESCAPED.len() } else { 1 };
        text = text.get(skipped..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deep nesting never reaches the recursive parser.
    #[test]
    fn deep_nesting_is_refused_before_parsing() {
        for open in ["{a", "[", "(a:{"] {
            assert_eq!(check_document(&open.repeat(100_000)), Err(TooLarge::Nesting));
        }
        assert_eq!(check_document(&"{ a }".repeat(100)), Ok(()));
    }

    /// The number of aliases is bounded, and arguments do not count as aliases.
    #[test]
    fn aliases_are_counted_and_arguments_are_not() {
        let fields = |number: usize| format!("{{ {} }}", "a: viewer { email } ".repeat(number));
        assert_eq!(check_document(&fields(30)), Ok(()));
        assert_eq!(check_document(&fields(31)), Err(TooLarge::Aliases));
        let arguments = "query ($a: Int) { ".to_owned() + &"b(first: $a, o: {p: [1]}) ".repeat(100) + "}";
        assert_eq!(check_document(&arguments), Ok(()));
    }

    /// The contents of strings and comments do not count, and nothing can hide behind them.
    #[test]
    fn strings_and_comments_are_skipped() {
        let brackets = "{".repeat(100);
        for text in [
            format!("{{ a(b: \"{brackets}\\\"{brackets}\") }}"),
            format!("{{ a(b: \"\"\"{brackets} \" \\\"\"\" {brackets}\"\"\") }}"),
            format!("# {brackets}\n{{ a }}"),
        ] {
            assert_eq!(check_document(&text), Ok(()), "{text}");
        }
        for text in [format!("\"\" {brackets}"), format!("\"\"\"\"\"\" {brackets}"), format!("#\n{brackets}")]
        {
            assert_eq!(check_document(&text), Err(TooLarge::Nesting), "{text}");
        }
    }

    /// The number of tokens is bounded.
    #[test]
    fn tokens_are_counted() {
        assert_eq!(check_document(&"a ".repeat(5_000)), Ok(()));
        assert_eq!(check_document(&"a ".repeat(5_001)), Err(TooLarge::Tokens));
    }
}
