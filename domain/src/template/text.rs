//! One string of a template.

use crate::expr::{ParseError, Program};

const OPEN: &str = "${{";
const ESCAPED: &str = "$${{";

/// A string that has been read.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// No expression in it.
    Literal(String),
    /// One expression and nothing else: its value keeps its type.
    Expression(Box<Program>),
    /// Expressions among other text.
    Mixed(Vec<Part>),
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Program(Box<Program>),
}

impl Text {
    /// Reads the string.
    ///
    /// # Errors
    /// The problems of each of its expressions; a missing `}}` ends the reading.
    pub(super) fn parse(source: &str) -> Result<Self, Vec<ParseError>> {
        let mut reader = TextReader { parts: Vec::new(), errors: Vec::new() };
        reader.read(source);
        if !reader.errors.is_empty() {
            return Err(reader.errors);
        }
        Ok(match reader.parts.as_mut_slice() {
            [] => Self::Literal(String::new()),
            [Part::Literal(literal)] => Self::Literal(std::mem::take(literal)),
            [Part::Program(program)] => Self::Expression(program.clone()),
            _ => Self::Mixed(reader.parts),
        })
    }

    /// The expressions, in order.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let (whole, parts) = match self {
            Self::Literal(_) => (None, [].as_slice()),
            Self::Expression(program) => (Some(program.as_ref()), [].as_slice()),
            Self::Mixed(parts) => (None, parts.as_slice()),
        };
        let mixed = parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Program(program) => Some(program.as_ref()),
        });
        whole.into_iter().chain(mixed)
    }
}

struct TextReader {
    parts: Vec<Part>,
    errors: Vec<ParseError>,
}

impl TextReader {
    fn read(&mut self, source: &str) {
        let mut rest = source;
        while let Some(at) = rest.find(OPEN) {
            let (before, from) = rest.split_at(at);
            if before.ends_with('$') {
                // `find` met the last three characters of `$${{`.
                self.literal(before);
                self.literal(ESCAPED.trim_start_matches("$$"));
                rest = from.strip_prefix(OPEN).unwrap_or_default();
                continue;
            }
            self.literal(before);
            let inside = from.strip_prefix(OPEN).unwrap_or_default();
            let Some((expression, after)) = split_at_close(inside) else {
                self.errors.push(ParseError::Syntax { message: "`${{` is not closed by `}}`".to_owned() });
                return;
            };
            self.expression(expression);
            rest = after;
        }
        self.literal(rest);
    }

    fn literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Literal(literal)) => literal.push_str(text),
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
    }

    fn expression(&mut self, source: &str) {
        match Program::parse(source.trim()) {
            Ok(program) => self.parts.push(Part::Program(Box::new(program))),
            Err(error) => self.errors.push(error),
        }
    }
}

/// Splits at the `}}` that closes the expression: not one within a CEL string or map literal.
fn split_at_close(inside: &str) -> Option<(&str, &str)> {
    let mut braces = 0_usize;
    let mut quote: Option<char> = None;
    let mut skip = false;
    for (at, c) in inside.char_indices() {
        if std::mem::take(&mut skip) {
            continue;
        }
        match (quote, c) {
            (Some(_), '\\') => skip = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => braces += 1,
            (None, '}') if braces > 0 => braces -= 1,
            (None, '}') => {
                let (expression, after) = inside.split_at_checked(at)?;
                return after.strip_prefix("}}").map(|after| (expression, after));
            }
            (None, _) => {}
        }
    }
    None
}
