//! Validation of workflows: a spec is parsed once, and all its problems are reported.
//!
//! `validate` reads the spec; `step`, `action`, `calls`, `schedules` and `secrets` parse and check its parts;
//! `problems` collects what they find; `types` and `shapes` know the data that expressions read; `scope` decides what an expression may read at its place in the
//! workflow. The result is a [`ValidWorkflow`].

mod action;
mod calls;
mod context;
mod graph;
mod problems;
mod schedules;
mod scope;
mod secrets;
mod shapes;
mod step;
mod types;
mod valid;
mod validate;
mod value_checks;
mod warnings;

pub(crate) use action::WaitEnd;
pub use action::{
    Action, Approval, Container, Http, HttpBody, HttpCredentials, HttpTls, Python, SubWorkflow, Wait,
};
pub use context::{CodeCheck, ReferencedSecret, ReferencedWorkflow, ValidationContext};
pub(crate) use graph::Graph;
pub use problems::{Problem, is_unchecked};
pub use step::{ForEach, Retry, Step};
pub use valid::{DEFAULT_TIMEOUT, ValidWorkflow};
pub use validate::validate;
pub use warnings::warnings;

#[cfg(test)]
mod tests;
