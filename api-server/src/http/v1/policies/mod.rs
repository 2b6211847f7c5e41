pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;
pub(super) mod rule;
#[cfg(test)]
mod tests;
pub(super) mod update;
