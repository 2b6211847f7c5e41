//! Orders of connections.

use async_graphql::Enum;

use crate::store::Order;

/// Defines the order of a connection: each connection has an enum of its own, so that it can get values that others lack.
macro_rules! order {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
        pub(super) enum $name {
            /// Newest first.
            #[default]
            CreatedAtDesc,
            /// Oldest first.
            CreatedAtAsc,
        }

        impl From<$name> for Order {
            fn from(order: $name) -> Self {
                match order {
                    $name::CreatedAtDesc => Self::NewestFirst,
                    $name::CreatedAtAsc => Self::OldestFirst,
                }
            }
        }
    };
}

order! {
    /// Order of plans.
    PlanOrder
}
order! {
    /// Order of tenants.
    TenantOrder
}
order! {
    /// Order of workflows.
    WorkflowOrder
}
order! {
    /// Order of runs.
    WorkflowRunOrder
}
order! {
    /// Order of documents.
    DocumentOrder
}
order! {
    /// Order of audit events.
    AuditEventOrder
}
order! {
    /// Order of users.
    UserOrder
}
order! {
    /// Order of roles.
    RoleOrder
}
order! {
    /// Order of policies.
    PolicyOrder
}
order! {
    /// Order of invitations.
    InvitationOrder
}
order! {
    /// Order of API keys.
    ApiKeyOrder
}
order! {
    /// Order of service accounts.
    ServiceAccountOrder
}
