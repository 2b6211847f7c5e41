//! Bounds on a document's text, checked before it is parsed: one look at each byte bounds what the parser, and all
//! that comes after it, has to do.

/// Selections, lists and objects within each other. Deeper ones are refused as too deep in the end anyway.
const MAX_NESTING: usize = 64;
/// Names, numbers, strings and punctuation together; a large client's documents have some hundreds.
const MAX_TOKENS: usize = 5_000;
/// The same field over and over under other names, which neither depth nor cost of one field tells.
const MAX_ALIASES: usize = 30;

/// A document that is too large in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLarge {
    /// Brackets within brackets.
    #[error("failed to read the document: brackets are nested more than {MAX_NESTING} deep")]
    Nesting,
    /// Words.
    #[error("failed to read the document: it has more than {MAX_TOKENS} tokens")]
    Tokens,
    /// Fields under other names.
    #[error("failed to read the document: it has more than {MAX_ALIASES} aliases")]
    Aliases,
}

/// Checks a document that nobody has parsed yet, and that need not be one.
///
/// # Errors
/// It is larger than a document may be, in nesting, tokens or aliases.
pub(crate) fn check(document: &str) -> Result<(), TooLarge> {
    let mut counts = Counts::default();
    let mut rest = document.as_bytes();
    while let Some((token, after)) = next(rest) {
        counts.add(token)?;
        rest = after;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open { round: bool },
    Close { round: bool },
    Colon,
    Other,
    Blank,
}

#[derive(Default)]
struct Counts {
    tokens: usize,
    nesting: usize,
    round: usize,
    aliases: usize,
}

impl Counts {
    fn add(&mut self, token: Token) -> Result<(), TooLarge> {
        self.tokens += usize::from(token != Token::Blank);
        match token {
            Token::Open { round } => {
                self.nesting += 1;
                self.round += usize::from(round);
            }
            Token::Close { round } => {
                self.nesting = self.nesting.saturating_sub(1);
                self.round = self.round.saturating_sub(usize::from(round));
            }
            // Within round brackets a colon belongs to an argument or a variable.
            Token::Colon => self.aliases += usize::from(self.round == 0),
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

/// The token at the front of a text, and what comes after it.
fn next(text: &[u8]) -> Option<(Token, &[u8])> {
    let (first, rest) = text.split_first()?;
    Some(match first {
        b'#' => (Token::Blank, after(rest, |byte| byte != b'\n')),
        b'"' => (Token::Other, after_string(rest)),
        b'(' | b'[' | b'{' => (Token::Open { round: *first == b'(' }, rest),
        b')' | b']' | b'}' => (Token::Close { round: *first == b')' }, rest),
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

/// What comes after a string, whose first quote has been taken.
fn after_string(text: &[u8]) -> &[u8] {
    match text.strip_prefix(b"\"\"") {
        Some(block) => after_block(block),
        None => after_line(text),
    }
}

fn after_line(mut text: &[u8]) -> &[u8] {
    while let Some((first, rest)) = text.split_first() {
        text = match first {
            b'"' | b'\n' => return rest,
            b'\\' => rest.get(1..).unwrap_or_default(),
            _ => rest,
        };
    }
    text
}

/// A block ends at a triple quote that is not escaped.
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

    /// The parser descends a hundred thousand times for one request.
    #[test]
    fn brackets_within_brackets_are_refused_before_they_are_parsed() {
        for open in ["{a", "[", "(a:{"] {
            assert_eq!(check(&open.repeat(100_000)), Err(TooLarge::Nesting));
        }
        assert_eq!(check(&"{ a }".repeat(100)), Ok(()));
    }

    /// One document asks for the same thing a thousand times.
    #[test]
    fn aliases_are_counted_and_arguments_are_not() {
        let fields = |number: usize| format!("{{ {} }}", "a: viewer { email } ".repeat(number));
        assert_eq!(check(&fields(30)), Ok(()));
        assert_eq!(check(&fields(31)), Err(TooLarge::Aliases));
        let arguments = "query ($a: Int) { ".to_owned() + &"b(first: $a, o: {p: [1]}) ".repeat(100) + "}";
        assert_eq!(check(&arguments), Ok(()));
    }

    /// A document is refused for what stands in a text or a comment; or one hides behind them.
    #[test]
    fn texts_and_comments_are_not_looked_into() {
        let brackets = "{".repeat(100);
        for text in [
            format!("{{ a(b: \"{brackets}\\\"{brackets}\") }}"),
            format!("{{ a(b: \"\"\"{brackets} \" \\\"\"\" {brackets}\"\"\") }}"),
            format!("# {brackets}\n{{ a }}"),
        ] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
        for text in [format!("\"\" {brackets}"), format!("\"\"\"\"\"\" {brackets}"), format!("#\n{brackets}")]
        {
            assert_eq!(check(&text), Err(TooLarge::Nesting), "{text}");
        }
    }

    /// A document of a million words occupies the parser.
    #[test]
    fn tokens_are_counted() {
        assert_eq!(check(&"a ".repeat(5_000)), Ok(()));
        assert_eq!(check(&"a ".repeat(5_001)), Err(TooLarge::Tokens));
    }
}
