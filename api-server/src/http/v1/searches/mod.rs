//! Searches in the knowledge base.

pub(super) mod create;
mod hit;
#[cfg(test)]
mod tests;
