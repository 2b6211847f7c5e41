//! The root fields that change data.

mod api_keys;
mod bulk;
mod documents;
mod fields;
mod invitations;
mod payload;
mod platform;
mod policies;
mod roles;
mod runs;
mod service_accounts;
mod tenants;
mod users;
mod workflows;

use async_graphql::MergedObject;

// The mutations run their use cases in boxes: the future of a field is as large as that of the largest mutation, and several
// copies of it are on the stack.
/// Root of all mutations.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    runs::RunMutations,
    bulk::BulkMutations,
    documents::DocumentMutations,
    workflows::WorkflowMutations,
    tenants::TenantMutations,
    platform::PlatformMutations,
    users::UserMutations,
    roles::RoleMutations,
    policies::PolicyMutations,
    invitations::InvitationMutations,
    api_keys::ApiKeyMutations,
    service_accounts::ServiceAccountMutations,
);
