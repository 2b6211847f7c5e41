//! Limits of an expression: the static ones are checked when it is parsed, the others when it is evaluated.

use crds::constants::MAX_EXPRESSION_BYTES;

/// Maximum length of an expression, in bytes.
pub const MAX_BYTES: usize = MAX_EXPRESSION_BYTES;
/// Maximum depth of an expression, in levels: a chain of 100 `+` has 100. It bounds the stack that evaluation
/// needs.
pub const MAX_DEPTH: usize = 128;
/// Maximum number of loops (`map`, `filter`, `all`, `exists`, `exists_one`) nested within each other.
pub const MAX_LOOP_NESTING: usize = 2;

/// Cost of one evaluation, or of all evaluations of one template, in units. An iteration costs one unit, and
/// so does each value, and each 32 bytes of text, that is copied: 500,000 units are at most some 50 MB and a
/// fraction of a second.
pub(super) const MAX_COST: u64 = 500_000;
/// Bytes of text that cost one unit.
pub(super) const BYTES_PER_UNIT: usize = 32;
/// Maximum size of the value of an expression, in bytes of JSON: four times the inline budget of a run.
pub(super) const MAX_VALUE_BYTES: usize = 1 << 20;

/// Stack of the parser and the evaluator, in bytes; both recurse. The depth of a text is not known before it
/// is parsed: the worst text of [`MAX_BYTES`] takes between 16 and 32 MiB unoptimised, under 2 MiB optimised.
/// Pages that are never touched cost nothing.
pub(super) const STACK_BYTES: usize = 48 * 1024 * 1024;
