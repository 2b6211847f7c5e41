//! Documents of the knowledge base.

pub(super) mod chunks;
pub(super) mod content;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod processing;
pub(super) mod resource;
#[cfg(test)]
mod tests;
pub(super) mod update;
