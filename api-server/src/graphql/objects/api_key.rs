//! The type `ApiKey`.

use async_graphql::{Context, ID, Object, Result};

use super::{ServiceAccount, User};
use crate::{
    graphql::{global_id::Kind, lookup, scalars::DateTime},
    store::{self, api_keys},
};

/// Key with which a program sends requests, without its secret.
pub(in crate::graphql) struct ApiKey(pub(in crate::graphql) api_keys::ApiKey);

/// Key with which a program sends requests, without its secret.
#[Object]
impl ApiKey {
    /// Global ID of the key.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::ApiKey.encode(self.0.id)
    }

    /// Name of the key.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Beginning of the key, by which its owner recognises it.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Global ID of the user that owns the key. Null if a service account does.
    async fn user_id(&self) -> Option<ID> {
        self.0.user_id.map(|id| Kind::User.encode(id))
    }

    /// User that owns the key. Null if a service account does. Requires the permission `user.read`.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match self.0.user_id {
            Some(id) => lookup::user(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Global ID of the service account that owns the key. Null if a user does.
    async fn service_account_id(&self) -> Option<ID> {
        self.0.service_account_id.map(|id| Kind::ServiceAccount.encode(id))
    }

    /// Service account that owns the key. Null if a user does. Requires the permission `service-account.read`.
    async fn service_account(&self, ctx: &Context<'_>) -> Result<Option<ServiceAccount>> {
        match self.0.service_account_id {
            Some(id) => lookup::service_account(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Nodes of the permission tree: the key has the permissions of its owner that are among them.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Time after which the key is refused.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// Time of the last use, precise to a minute. Null if the key was never used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(Into::into)
    }

    /// Time at which the key was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

impl ApiKey {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &api_keys::ApiKey) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
