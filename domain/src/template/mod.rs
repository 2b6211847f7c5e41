//! Templates: JSON values with `${{ … }}` expressions in their strings.
//!
//! A string that consists of one expression keeps the JSON type of the expression's value. In a longer string
//! the value is inserted as text: strings unchanged, `null` as nothing, lists and objects as compact JSON.
//! `$${{` is an escaped `${{`.
//!
//! `text` parses one string, `parse` a JSON value, and `render` evaluates the result; each imports the ones
//! before it.

mod parse;
mod render;
mod text;

pub use parse::{Template, TemplateProblem};

#[cfg(test)]
mod tests;
