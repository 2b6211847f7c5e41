//! Reading outputs.

use crate::{
    app::{App, Error},
    auth::TenantScope,
    objects::{ObjectContent, OutputName},
};

/// Returns the bytes of an output of the tenant, by the URI of its reference.
///
/// # Errors
/// Returns an error if no object storage is configured, if the URI is not one of this tenant's, if the object was
/// deleted, or if the storage fails.
pub async fn read(app: &App, scope: TenantScope, uri: &str) -> Result<ObjectContent, Error> {
    let objects = app.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    let name = OutputName::from_uri(uri).ok().filter(|name| name.tenant == scope.tenant_id());
    let name = name.ok_or(Error::NotFound)?;
    objects.get(&name.to_string()).await?.ok_or(Error::NotFound)
}
