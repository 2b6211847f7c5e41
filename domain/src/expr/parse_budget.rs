//! Limit on the size of all parsed expressions of a workflow together, which are held in memory with the workflow.

use super::errors::ParseError;
use super::program::Program;

/// Maximum number of nodes of all expressions of a workflow together. An expression such as
/// `input.lines.filter(l, l.quantity > 1)` has 30; 1,000 of them take some 10 MB.
pub const MAX_NODES: usize = 50_000;
/// Nodes that an expression counts for in addition to its own, for its text and the names that it reads.
const EXPRESSION_NODES: usize = 10;

/// Nodes that expressions may still have.
#[derive(Clone, Debug)]
pub(crate) struct ParseBudget {
    remaining: usize,
}

impl Default for ParseBudget {
    fn default() -> Self {
        Self { remaining: MAX_NODES }
    }
}

impl ParseBudget {
    /// Returns whether no further expression can be parsed.
    pub(crate) fn is_spent(&self) -> bool {
        self.remaining == 0
    }

    /// Parses an expression at the expense of the budget.
    ///
    /// # Errors
    /// Returns the errors of [`Program::parse`], and an error once the budget is spent.
    pub(crate) fn parse(&mut self, source: &str) -> Result<Program, ParseError> {
        if self.is_spent() {
            return Err(ParseError::TooMany { limit: MAX_NODES });
        }
        // A text that is not an expression takes as much time as one that is.
        let program = Program::parse(source).inspect_err(|_| self.subtract(source.len()))?;
        self.subtract(program.nodes());
        if self.is_spent() { Err(ParseError::TooMany { limit: MAX_NODES }) } else { Ok(program) }
    }

    fn subtract(&mut self, nodes: usize) {
        self.remaining = self.remaining.saturating_sub(nodes.saturating_add(EXPRESSION_NODES));
    }
}
