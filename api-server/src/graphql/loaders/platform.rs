//! Loaders of the rows of all tenants, for administrators of the platform.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader};
use uuid::Uuid;

use super::{AuditEventById, HeldMemory, PlanByName, spawn};
use crate::{
    app::{self, App, Reservation},
    auth::PlatformScope,
    store::{Plan, Tenant, audit::AuditEvent},
};

/// Loaders of one request of an administrator of the platform.
pub(in crate::graphql) type PlatformLoaders = DataLoader<PlatformRows>;

/// Rows that administrators of the platform can read.
pub(in crate::graphql) struct PlatformRows {
    app: App,
    scope: PlatformScope,
    held: HeldMemory,
}

/// Key of a tenant: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct TenantById(pub(in crate::graphql) Uuid);

/// Creates the loaders of a request.
pub(in crate::graphql) fn platform_loaders(app: &App, scope: PlatformScope) -> PlatformLoaders {
    DataLoader::new(PlatformRows { app: app.clone(), scope, held: HeldMemory::default() }, spawn)
}

impl PlatformRows {
    /// Holds memory until the response is built.
    pub(in crate::graphql) fn hold(&self, reservation: Reservation) {
        self.held.hold(reservation);
    }
}

impl Loader<TenantById> for PlatformRows {
    type Value = Arc<Tenant>;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[TenantById]) -> Result<HashMap<TenantById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|TenantById(id)| *id).collect();
        let found = app::tenants::get_many(&self.app, self.scope, &ids).await;
        let (rows, reservation) = found.map_err(Arc::new)?;
        self.hold(reservation);
        Ok(rows.into_iter().map(|row| (TenantById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<PlanByName> for PlatformRows {
    type Value = Plan;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[PlanByName]) -> Result<HashMap<PlanByName, Plan>, Self::Error> {
        let names: Vec<_> = keys.iter().map(|PlanByName(name)| name.clone()).collect();
        let rows = app::plans::get_by_names_for_platform(&self.app, self.scope, &names).await;
        let rows = rows.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (PlanByName(row.name.clone()), row)).collect())
    }
}

impl Loader<AuditEventById> for PlatformRows {
    type Value = AuditEvent;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[AuditEventById],
    ) -> Result<HashMap<AuditEventById, AuditEvent>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|AuditEventById(id)| *id).collect();
        let rows = app::audit::get_many_of_platform(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (AuditEventById(row.id), row)).collect())
    }
}
