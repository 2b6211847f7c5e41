//! The root fields that read data.

mod api_keys;
mod audit_events;
mod authorization;
mod documents;
mod entities;
mod events;
mod invitations;
mod node;
mod policies;
mod roles;
mod runs;
mod service_accounts;
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
    documents::DocumentQueries,
    events::EventQueries,
    audit_events::AuditEventQueries,
    users::UserQueries,
    roles::RoleQueries,
    policies::PolicyQueries,
    authorization::AuthorizationQueries,
    invitations::InvitationQueries,
    api_keys::ApiKeyQueries,
    service_accounts::ServiceAccountQueries,
    entities::Entities,
);
