//! The root fields that read data.

mod audit_events;
mod entities;
mod events;
mod node;
mod runs;
mod tenants;
mod users;
mod workflows;

use async_graphql::MergedObject;

/// Root of all queries.
#[derive(MergedObject, Default)]
pub(crate) struct Query(
    node::NodeQueries,
    tenants::TenantQueries,
    workflows::WorkflowQueries,
    runs::RunQueries,
    events::EventQueries,
    audit_events::AuditEventQueries,
    users::UserQueries,
    entities::Entities,
);
