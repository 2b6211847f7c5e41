//! Checks of the source text that need no compiler: the words of names, the layers of modules, and the metrics that
//! dashboards and alert rules read.

pub(crate) mod layers;
pub(crate) mod metrics;
mod source;
pub(crate) mod words;
