//! Checks of the source text that need no compiler: the words of names, and the layers of modules.

pub(crate) mod layers;
mod source;
pub(crate) mod words;
