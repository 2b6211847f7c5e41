//! Changing tenants.

use crds::Tenant as TenantObject;
use kube::Api;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{read::active, settings};
use crate::{
    app::{
        App, Error, ManagedField, Reservation,
        change_object::{Edit, Target, change},
        kubernetes::write_permit,
        merge_patch::merged,
    },
    auth::{PlatformScope, TenantScope},
    mirror,
    store::{PlatformTx, Tenant, TenantIdentity, TenantTx, tenants},
};

const ACTION: &str = "change the tenant";

/// Change of the spec of a Tenant: a JSON merge patch (RFC 7396).
#[derive(Clone, Debug, PartialEq)]
pub struct Patch(pub Map<String, Value>);

impl Edit for Patch {
    async fn edit(&self, _name: &str, spec: Value) -> Result<Value, Error> {
        settings::check(ACTION, &merged(spec, &self.0))
    }
}

/// Changes the caller's tenant and returns it as it is stored then, with the memory that it takes. `generation` is the generation
/// that it must have, or `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes; if it was changed since its generation was read; if the change is not valid or
/// concerns fields that others manage; or if the Kubernetes API or the database fails.
pub async fn update_own(
    app: &App,
    scope: TenantScope,
    generation: Option<i64>,
    patch: Patch,
) -> Result<(Tenant, Reservation), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    // Settings that the operator refuses can be corrected: a tenant that is not set up can be changed.
    active(&mut tx).await?;
    let size = tenants::settings_size(&mut tx).await?;
    let identity = tenants::own_identity(&mut tx).await?.ok_or(Error::NotFound)?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    let memory = Reservation::to_change(app, scope, size).await?;
    let write = Write { id: scope.tenant_id(), identity, generation, action: ACTION };
    write.execute(app, &patch).await?;
    // The memory of the change is free before that of the response is reserved.
    drop(memory);
    super::current(app, scope).await
}

/// Changes any tenant, also a suspended or archived one. Returns it like [`super::get`].
///
/// # Errors
/// Returns an error as [`update_own`] does, or if there is no such tenant.
pub async fn update(
    app: &App,
    scope: PlatformScope,
    id: Uuid,
    generation: Option<i64>,
    patch: Patch,
) -> Result<(Tenant, Reservation), Error> {
    write_any(app, scope, id, generation, ACTION, &patch).await
}

/// Gives any tenant the spec that `edit` makes of its current one, and returns it like [`super::get`].
///
/// # Errors
/// Returns an error as [`update`] does.
pub(super) async fn write_any(
    app: &App,
    scope: PlatformScope,
    id: Uuid,
    generation: Option<i64>,
    action: &'static str,
    edit: &impl Edit,
) -> Result<(Tenant, Reservation), Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let identity = tenants::identity(&mut tx, id).await?.ok_or(Error::NotFound)?;
    drop(tx);
    Write { id, identity, generation, action }.execute(app, edit).await?;
    super::get(app, scope, id).await
}

/// Tenant to write.
struct Write {
    id: Uuid,
    identity: TenantIdentity,
    generation: Option<i64>,
    action: &'static str,
}

impl Write {
    async fn execute(self, app: &App, edit: &impl Edit) -> Result<(), Error> {
        let Self { id, identity: TenantIdentity { uid, slug }, generation, action } = self;
        let _permit = write_permit(app, id, action).await?;
        let api = Api::<TenantObject>::all(app.kube.clone());
        let target = Target { id, name: &slug, uid, generation, action };
        let object = change(&api, target, edit).await.map_err(with_request_fields)?;
        Ok(mirror::apply_one(&app.mirror, &object).await?)
    }
}

/// Gives the fields of an error the names that they have in requests.
pub(super) fn with_request_fields(error: Error) -> Error {
    match error {
        Error::Refused { action, message, violations } => {
            Error::Refused { action, message, violations: settings::named(violations) }
        }
        Error::ManagedElsewhere { action, fields } => {
            let named = fields
                .into_iter()
                .map(|field| ManagedField { pointer: settings::pointer(&field.pointer), ..field });
            Error::ManagedElsewhere { action, fields: named.collect() }
        }
        error => error,
    }
}
