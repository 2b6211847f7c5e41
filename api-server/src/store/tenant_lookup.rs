//! The tenant lookup that `auth` needs.

use uuid::Uuid;

use super::{PlatformTx, tenants};
use crate::{
    auth::{FoundTenant, LookupError, PlatformScope, TenantLookup},
    db::AppPool,
};

impl TenantLookup for AppPool {
    async fn by_slug(&self, slug: &str) -> Result<Option<FoundTenant>, LookupError> {
        Ok(tenants::by_slug(self, slug).await?)
    }

    async fn id_of_namespace(
        &self,
        scope: PlatformScope,
        namespace: &str,
    ) -> Result<Option<Uuid>, LookupError> {
        let mut tx = PlatformTx::begin(self, scope).await?;
        Ok(tenants::id_of_namespace(&mut tx, namespace).await?)
    }
}
