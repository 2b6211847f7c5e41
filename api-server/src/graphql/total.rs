//! The number of objects in the list of a connection.

use async_graphql::{Context, Object, Result};
use uuid::Uuid;

use super::{
    error::{from_app, from_loader},
    loaders::{Loaders, RunCountOfWorkflow},
    request::{Caller, ListCounts},
};
use crate::app;

/// List that is counted if the document selects it.
#[derive(Debug)]
pub(super) enum Counted {
    Plans,
    Tenants(app::tenants::Filter),
    Workflows(app::workflows::Filter),
    Runs(app::runs::Filter),
    RunsOfWorkflow(Uuid, app::runs::Filter),
    Documents(app::documents::Filter),
    Users(app::users::Filter),
    Roles,
    Policies,
    Invitations,
    ApiKeys(app::api_keys::Filter),
    ServiceAccounts,
    AuditEvents(app::audit::Filter),
    PlatformAuditEvents(app::audit::Filter),
    /// List whose length is known.
    Known(usize),
}

/// Field of a connection with the number of objects in its list.
pub(super) struct Total(pub(super) Counted);

/// Field of a connection with the number of objects in its list.
#[Object]
impl Total {
    /// Number of objects in the list, on all pages: a number, or `10000+` if there are more than 10,000. A document can select it of
    /// at most 100 lists.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<String> {
        if let Counted::Known(number) = self.0 {
            return Ok(number.to_string());
        }
        ctx.data::<ListCounts>()?.admit()?;
        let caller = Caller::from_context(ctx)?;
        let app = caller.app;
        let count = match &self.0 {
            Counted::Plans => app::plans::count(app, caller.tenant()?.scope).await,
            Counted::Tenants(filter) => app::tenants::count(app, caller.platform()?, *filter).await,
            Counted::Workflows(filter) => app::workflows::count(app, caller.tenant()?.scope, *filter).await,
            Counted::Runs(filter) => app::runs::count(app, caller.tenant()?.scope, *filter).await,
            Counted::RunsOfWorkflow(workflow, filter) => {
                let key = RunCountOfWorkflow { workflow: *workflow, filter: *filter };
                let count = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
                count.ok_or(app::Error::NotFound)
            }
            Counted::Documents(filter) => app::documents::count(app, caller.tenant()?.scope, filter).await,
            Counted::Users(filter) => app::users::count(app, caller.tenant()?.scope, filter.clone()).await,
            Counted::Roles => app::roles::count(app, caller.tenant()?.scope).await,
            Counted::Policies => app::policies::count(app, caller.tenant()?.scope).await,
            Counted::Invitations => app::invitations::count(app, caller.tenant()?.scope).await,
            Counted::ApiKeys(filter) => app::api_keys::count(app, caller.tenant()?.scope, *filter).await,
            Counted::ServiceAccounts => app::service_accounts::count(app, caller.tenant()?.scope).await,
            Counted::AuditEvents(filter) => {
                app::audit::count(app, caller.tenant()?.scope, filter.clone()).await
            }
            Counted::PlatformAuditEvents(filter) => {
                app::audit::count_of_platform(app, caller.platform()?, filter.clone()).await
            }
            Counted::Known(number) => return Ok(number.to_string()),
        };
        Ok(count.map_err(from_app)?.to_string())
    }
}
