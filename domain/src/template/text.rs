//! Parsing of one string of a template.

use crate::expr::{ParseBudget, ParseError, Program};

const OPEN: &str = "${{";
const ESCAPED: &str = "$${{";

/// A string that was parsed.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// A string without expressions.
    Literal(String),
    /// A string that consists of one expression: the value keeps its type.
    Expression(Box<Program>),
    /// Expressions within other text.
    Mixed(Vec<Part>),
}

/// Part of a string with several parts.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Program(Box<Program>),
}

impl Text {
    /// Parses a string.
    ///
    /// # Errors
    /// Returns the problems of all its expressions; parsing stops at an expression without closing `}}`.
    pub(super) fn parse(source: &str, budget: &mut ParseBudget) -> Result<Self, Vec<ParseError>> {
        let mut parser = TextParser { parts: Vec::new(), errors: Vec::new(), budget };
        parser.parse(source);
        if !parser.errors.is_empty() {
            return Err(parser.errors);
        }
        Ok(match parser.parts.as_mut_slice() {
            [] => Self::Literal(String::new()),
            [Part::Literal(literal)] => Self::Literal(std::mem::take(literal)),
            [Part::Program(program)] => Self::Expression(program.clone()),
            _ => Self::Mixed(parser.parts),
        })
    }

    /// Returns the expressions in order.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let (single, parts) = match self {
            Self::Literal(_) => (None, [].as_slice()),
            Self::Expression(program) => (Some(program.as_ref()), [].as_slice()),
            Self::Mixed(parts) => (None, parts.as_slice()),
        };
        let mixed = parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Program(program) => Some(program.as_ref()),
        });
        single.into_iter().chain(mixed)
    }
}

struct TextParser<'b> {
    parts: Vec<Part>,
    errors: Vec<ParseError>,
    budget: &'b mut ParseBudget,
}

impl TextParser<'_> {
    fn parse(&mut self, source: &str) {
        let mut rest = source;
        while let Some(at) = rest.find(OPEN) {
            let (before, from) = rest.split_at(at);
            if before.ends_with('$') {
                // `find` matched the last three characters of the escape `$${{`.
                self.literal(before);
                self.literal(ESCAPED.trim_start_matches("$$"));
                rest = from.strip_prefix(OPEN).unwrap_or_default();
                continue;
            }
            self.literal(before);
            let inside = from.strip_prefix(OPEN).unwrap_or_default();
            let Some((expression, after)) = split_at_close(inside) else {
                self.errors.push(ParseError::Syntax { message: "`${{` has no closing `}}`".to_owned() });
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
        // Once the budget is spent, one error says so.
        let is_spent = self.budget.is_spent();
        match self.budget.parse(source.trim()) {
            Ok(program) => self.parts.push(Part::Program(Box::new(program))),
            Err(_) if is_spent && !self.errors.is_empty() => {}
            Err(error) => self.errors.push(error),
        }
    }
}

/// Splits the text at the `}}` that closes the expression, ignoring those within a CEL string or map literal.
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
