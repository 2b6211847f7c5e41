//! Regular expressions of tenants: in `matches()` and in JSON Schemas.
//!
//! `\p{L}{200}` has ten characters and compiles to megabytes. The size of a compiled pattern is therefore
//! estimated from its syntax tree, before it is compiled, and every text that is matched is charged for the
//! size of the pattern.
//!
//! `class` estimates one character class, `size` a pattern.

mod class;
mod size;

use regex::{Regex, RegexBuilder};

pub(crate) use size::Size;

/// Maximum length of a pattern, in bytes. Its syntax tree takes some hundred times as much memory.
pub(crate) const MAX_BYTES: usize = 4096;
/// Maximum states of all patterns of a workflow together, and of all patterns that one expression or template
/// compiles. A state takes some 100 bytes in all parts of a compiled pattern. A name of up to 80 letters of any script
/// (`\p{L}{1,80}`) takes about half of it.
pub(crate) const MAX_STATES: u64 = 150_000;
/// Maximum size of the automaton of one pattern, in bytes. It is a second guard: a pattern of [`MAX_STATES`]
/// is smaller.
pub(crate) const MAX_AUTOMATON_BYTES: usize = 8 << 20;
/// Maximum size of the cache that a pattern may fill while it matches, in bytes.
pub(crate) const MAX_CACHE_BYTES: usize = 256 << 10;

/// Reason why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("the pattern has {bytes} bytes; the limit is {limit}", limit = MAX_BYTES)]
    TooLong { bytes: usize },
    #[error("the pattern compiles to about {states} states; the limit is {limit}", limit = MAX_STATES)]
    TooLarge { states: u64 },
    /// The message does not repeat the pattern, which may be computed from private data.
    #[error("the pattern is not a regular expression: {message}")]
    Syntax { message: String },
}

/// Returns the size of a pattern without compiling it.
///
/// # Errors
/// Returns an error if the pattern is not a regular expression, or is larger than one pattern may be.
pub(crate) fn measure(pattern: &str) -> Result<Size, PatternError> {
    if pattern.len() > MAX_BYTES {
        return Err(PatternError::TooLong { bytes: pattern.len() });
    }
    let size = size::estimate(pattern).map_err(|message| PatternError::Syntax { message })?;
    if size.states > MAX_STATES {
        return Err(PatternError::TooLarge { states: size.states });
    }
    Ok(size)
}

/// Compiles a pattern that [`measure`] accepts.
///
/// # Errors
/// Returns an error if the pattern is not valid.
pub(crate) fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_AUTOMATON_BYTES)
        .dfa_size_limit(MAX_CACHE_BYTES)
        .build()
        .map_err(|_| PatternError::Syntax {
            message: "it names a class that does not exist, or is too large".to_owned(),
        })
}

#[cfg(test)]
mod tests;
