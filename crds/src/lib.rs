//! The custom resources of SMB Copilot: types, validation rules, names, labels and condition types.
//!
//! The four kinds are the contract between kubectl, GitOps tools, the operator, the runner and the api-server;
//! Kubernetes is their source of truth. This crate performs no I/O.

#![allow(
    clippy::duplicated_attributes,
    reason = "several printer columns have the same type, which the lint reports as a mistake"
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
pub mod value_count;
pub mod workflow;

pub use custom_resource_definitions::custom_resource_definitions;
pub use duration::{Duration, InvalidDuration};
pub use plan::{Plan, PlanSpec, PlanStatus};
pub use quantity::{InvalidQuantity, Quantity};
pub use revision::{InvalidRevision, REVISION_SCHEMA_VERSION, RevisionData};
pub use run::{WorkflowRun, WorkflowRunSpec, WorkflowRunStatus};
pub use tenant::{Tenant, TenantSpec, TenantStatus};
pub use workflow::{Workflow, WorkflowSpec, WorkflowStatus};

/// API group of all kinds.
pub const GROUP: &str = "smbcopilot.dev";
/// API version of all kinds.
pub const VERSION: &str = "v1alpha1";
