//! Loaders of users, roles, policies, invitations, API keys and service accounts.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use super::tenant::TenantRows;
use crate::{
    app::{
        self,
        roles::{Role, RoleReference},
    },
    store::{Policy, User, api_keys, invitations, service_accounts},
};

/// Key of a user: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct UserById(pub(in crate::graphql) Uuid);

/// Key of a policy: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct PolicyById(pub(in crate::graphql) Uuid);

/// Key of an invitation: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct InvitationById(pub(in crate::graphql) Uuid);

/// Key of an API key: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct ApiKeyById(pub(in crate::graphql) Uuid);

/// Key of a service account: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct ServiceAccountById(pub(in crate::graphql) Uuid);

/// Key of a role: the name of a built-in one, or the id of one of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct RoleByReference(pub(in crate::graphql) RoleReference);

impl Loader<UserById> for TenantRows {
    type Value = User;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[UserById]) -> Result<HashMap<UserById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|UserById(id)| *id).collect();
        let rows = app::users::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (UserById(row.id), row)).collect())
    }
}

impl Loader<PolicyById> for TenantRows {
    type Value = Policy;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[PolicyById]) -> Result<HashMap<PolicyById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|PolicyById(id)| *id).collect();
        let rows = app::policies::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (PolicyById(row.id), row)).collect())
    }
}

impl Loader<InvitationById> for TenantRows {
    type Value = invitations::Invitation;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[InvitationById],
    ) -> Result<HashMap<InvitationById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|InvitationById(id)| *id).collect();
        let rows = app::invitations::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (InvitationById(row.id), row)).collect())
    }
}

impl Loader<ApiKeyById> for TenantRows {
    type Value = api_keys::ApiKey;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[ApiKeyById]) -> Result<HashMap<ApiKeyById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|ApiKeyById(id)| *id).collect();
        let rows = app::api_keys::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (ApiKeyById(row.id), row)).collect())
    }
}

impl Loader<ServiceAccountById> for TenantRows {
    type Value = service_accounts::ServiceAccount;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[ServiceAccountById],
    ) -> Result<HashMap<ServiceAccountById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|ServiceAccountById(id)| *id).collect();
        let rows = app::service_accounts::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (ServiceAccountById(row.id), row)).collect())
    }
}

impl Loader<RoleByReference> for TenantRows {
    type Value = Role;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[RoleByReference]) -> Result<HashMap<RoleByReference, Role>, Self::Error> {
        let references: Vec<_> = keys.iter().map(|RoleByReference(role)| role.to_string()).collect();
        let found = app::roles::get_many(&self.app, self.scope, &references).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|role| (RoleByReference(role.reference()), role)).collect())
    }
}
