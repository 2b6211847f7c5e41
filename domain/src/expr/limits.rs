//! Limits of an expression: the static ones are checked when it is parsed, the others when it is evaluated.

use crds::constants::MAX_EXPRESSION_BYTES;

/// Maximum length of an expression, in bytes.
pub const MAX_BYTES: usize = MAX_EXPRESSION_BYTES;
/// Maximum depth of an expression, in levels: a chain of 100 `+` has 100. It bounds the stack that evaluation
/// needs.
pub const MAX_DEPTH: usize = 128;
/// Maximum number of loops (`map`, `filter`, `all`, `exists`, `exists_one`) nested within each other.
pub const MAX_LOOP_NESTING: usize = 2;

/// Maximum cost of one evaluation, or of all evaluations of one template, in units. A unit is about 50 ns of
/// one core in an optimised build, so an evaluation takes at most 100 ms. Values that it creates have at most
/// 50 MB.
pub const MAX_COST: u64 = 2_000_000;
/// Cost of one value that is created or copied, in units: it is allocated, and released later. It also bounds
/// the memory: a value takes up to 100 bytes.
pub(super) const COPY_COST: u64 = 4;
/// Bytes of text that are created or copied for one unit. Copying is faster, but text occupies memory: an
/// evaluation creates at most 16 MB.
pub(super) const COPIED_BYTES_PER_UNIT: usize = 8;
/// Bytes of text that are read for one unit.
pub(super) const READ_BYTES_PER_UNIT: usize = 256;
/// Units for each byte of text that is parsed, as by `duration('1h1m1s')`.
pub(super) const PARSE_COST: u64 = 2;
/// Bytes of text that are matched against one place of a pattern for one unit.
pub(super) const MATCHED_BYTES_PER_UNIT: u64 = 8;
/// States of a pattern that are compiled for one unit.
pub(super) const COMPILED_STATES_PER_UNIT: u64 = 1;
/// Maximum size of the value of an expression, in bytes of JSON: four times the inline budget of a run.
pub(super) const MAX_VALUE_BYTES: usize = 1 << 20;

/// Stack of the parser and the evaluator, in bytes; both recurse. The depth of a text is not known before it
/// is parsed: the worst text of [`MAX_BYTES`] takes between 16 and 32 MiB unoptimised, under 2 MiB optimised.
/// Pages that are never touched cost nothing.
pub(super) const STACK_BYTES: usize = 48 * 1024 * 1024;
