//! The documentation as a test: its pages, the blocks of code on them, and their execution.
//!
//! A page is executed from top to bottom, as a reader would: manifests are applied with kubectl, files are written, and
//! commands run in a shell. [`block`] defines how a block of code is marked.

pub mod block;
mod commands;
mod manifests;
#[cfg(test)]
mod named_tests;
pub mod page;
pub mod section;
mod session;
pub mod yaml;

pub use session::execute;
