//! Reading an output.

use crate::{
    app::Error,
    auth::TenantScope,
    objects::{ObjectContent, OutputName},
    state::AppState,
};

/// The bytes of an output of the tenant, by its reference's URI.
///
/// # Errors
/// No object storage is configured; the URI is not one of this tenant's; the object is gone; or the storage fails.
pub async fn read(state: &AppState, scope: TenantScope, uri: &str) -> Result<ObjectContent, Error> {
    let objects = state.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    let name = OutputName::from_uri(uri).ok().filter(|name| name.tenant == scope.tenant_id());
    let name = name.ok_or(Error::NotFound)?;
    objects.get(&name.to_string()).await?.ok_or(Error::NotFound)
}
