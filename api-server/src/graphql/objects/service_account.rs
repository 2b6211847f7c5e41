//! The type `ServiceAccount`.

use async_graphql::{ID, Object};

use crate::{
    graphql::{global_id::Kind, scalars::DateTime},
    store::{self, service_accounts},
};

/// Account of a program, which sends requests with API keys.
pub(in crate::graphql) struct ServiceAccount(pub(in crate::graphql) service_accounts::ServiceAccount);

/// Account of a program, which sends requests with API keys.
#[Object]
impl ServiceAccount {
    /// Global ID of the account.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::ServiceAccount.encode(self.0.id)
    }

    /// Name of the account, unique in the tenant.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Purpose of the account.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    async fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// Time at which the account was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

impl ServiceAccount {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &service_accounts::ServiceAccount) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
