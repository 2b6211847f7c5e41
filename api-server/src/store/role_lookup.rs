//! The lookup of roles that `auth` needs.

use domain::policy::SourcedPolicy;
use uuid::Uuid;

use super::{TenantTx, role_policies};
use crate::{
    auth::{LookupError, RoleLookup, TenantScope},
    db::AppPool,
};

impl RoleLookup for AppPool {
    async fn policies_of_roles(
        &self,
        scope: TenantScope,
        roles: &[Uuid],
    ) -> Result<Vec<SourcedPolicy>, LookupError> {
        let mut tx = TenantTx::begin(self, scope).await?;
        Ok(role_policies::of_roles(&mut tx, roles).await?)
    }
}
