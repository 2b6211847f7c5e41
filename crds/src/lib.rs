//! The custom resources of SMB Copilot: types, rules, names, labels and the vocabulary of conditions.
//!
//! Kubernetes is the source of truth for these four kinds; kubectl, Git, the operator, the runner and
//! the api-server meet in them. Nothing here does I/O.

#![allow(
    clippy::duplicated_attributes,
    reason = "several printer columns share a type; the lint takes that for a mistake"
)]

pub mod conditions;
pub mod constants;
mod custom_resource_definitions;
mod duration;
pub mod labels;
pub mod names;
pub mod nesting;
pub mod plan;
mod quantity;
mod revision;
pub mod run;
mod schema;
pub mod tenant;
pub mod workflow;

pub use custom_resource_definitions::custom_resource_definitions;
pub use duration::{Duration, InvalidDuration};
pub use plan::{Plan, PlanSpec, PlanStatus};
pub use quantity::{InvalidQuantity, Quantity};
pub use revision::{InvalidRevision, REVISION_SCHEMA_VERSION, RevisionData};
pub use run::{WorkflowRun, WorkflowRunSpec, WorkflowRunStatus};
pub use tenant::{Tenant, TenantSpec, TenantStatus};
pub use workflow::{Workflow, WorkflowSpec, WorkflowStatus};

/// The API group of all kinds.
pub const GROUP: &str = "smbcopilot.dev";
/// The one version of all kinds.
pub const VERSION: &str = "v1alpha1";
