//! Estimated size of a compiled pattern, from its syntax tree.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, Flag, Flags, FlagsItemKind, GroupKind, RepetitionKind, RepetitionRange};

use super::class;

/// Maximum nesting of groups, repetitions and classes. The estimate recurses.
const MAX_NESTING: u32 = 64;

/// Estimated size of a compiled pattern, with repetitions expanded: `a{3}` is as large as `aaa`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// States of the automaton: the memory of the compiled pattern, and the time to compile it.
    pub(crate) states: u64,
    /// Places of the pattern that a text can have reached at the same time: the time per byte of text.
    pub(crate) places: u64,
}

impl Size {
    const fn one_position(states: u64) -> Self {
        Self { states, places: 1 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            states: self.states.saturating_add(other.states),
            places: self.places.saturating_add(other.places),
        }
    }

    fn times(self, factor: u64) -> Self {
        Self { states: self.states.saturating_mul(factor), places: self.places.saturating_mul(factor) }
    }
}

/// Returns the size of a pattern.
///
/// # Errors
/// Returns the message of the parser, without the pattern, if that is not a regular expression.
pub(super) fn estimate(pattern: &str) -> Result<Size, String> {
    let ast = ParserBuilder::new()
        .nest_limit(MAX_NESTING)
        .build()
        .parse(pattern)
        .map_err(|error| error.kind().to_string())?;
    // Upper and lower case: every letter becomes a class, and a class of all scripts grows a little. `(?i)`
    // may be anywhere, so it counts for the entire pattern.
    let factor = if ignores_case(&ast) { 2 } else { 1 };
    Ok(size(&ast).times(factor).plus(Size::one_position(1)))
}

fn size(ast: &Ast) -> Size {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) => Size::default(),
        Ast::Literal(literal) => Size::one_position(u64::try_from(literal.c.len_utf8()).unwrap_or(4)),
        Ast::Dot(_) => Size::one_position(class::dot()),
        Ast::Assertion(_) => Size::one_position(1),
        Ast::ClassUnicode(_) => Size::one_position(class::unicode()),
        Ast::ClassPerl(perl) => Size::one_position(class::perl(perl)),
        Ast::ClassBracketed(bracketed) => {
            Size::one_position(class::bracketed(&bracketed.kind, bracketed.negated))
        }
        Ast::Repetition(repetition) => {
            size(&repetition.ast).plus(Size::one_position(2)).times(copies(&repetition.op.kind))
        }
        Ast::Group(group) => size(&group.ast).plus(Size::one_position(2)),
        Ast::Alternation(alternation) => sum(&alternation.asts),
        Ast::Concat(concat) => sum(&concat.asts),
    }
}

fn sum(asts: &[Ast]) -> Size {
    asts.iter().fold(Size::one_position(1), |total, ast| total.plus(size(ast)))
}

/// Returns how often the repeated part is contained in the compiled pattern.
fn copies(kind: &RepetitionKind) -> u64 {
    let copies = match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(RepetitionRange::Exactly(count)) => *count,
        RepetitionKind::Range(RepetitionRange::AtLeast(count)) => count.saturating_add(1),
        RepetitionKind::Range(RepetitionRange::Bounded(_, max)) => *max,
    };
    // A part that is repeated zero times is translated nevertheless.
    u64::from(copies.max(1))
}

fn ignores_case(ast: &Ast) -> bool {
    match ast {
        Ast::Flags(set) => sets_ignore_case(&set.flags),
        Ast::Repetition(repetition) => ignores_case(&repetition.ast),
        Ast::Group(group) => {
            matches!(&group.kind, GroupKind::NonCapturing(flags) if sets_ignore_case(flags))
                || ignores_case(&group.ast)
        }
        Ast::Alternation(alternation) => alternation.asts.iter().any(ignores_case),
        Ast::Concat(concat) => concat.asts.iter().any(ignores_case),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
    }
}

fn sets_ignore_case(flags: &Flags) -> bool {
    flags.items.iter().any(|item| item.kind == FlagsItemKind::Flag(Flag::CaseInsensitive))
}
