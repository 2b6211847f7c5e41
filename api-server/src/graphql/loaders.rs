//! Loaders that fetch the rows for all fields of a document with one statement per kind.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader};
use uuid::Uuid;

use super::connection::paging;
use crate::{
    app::{self, App, Reservation, page::Page, runs::Filter},
    auth::TenantScope,
    store::{Plan, Run, RunContent, RunStatus, Workflow, WorkflowContent},
};

/// Loaders of one request, for one tenant.
pub(super) type Loaders = DataLoader<TenantRows>;

/// Rows of one tenant.
pub(super) struct TenantRows {
    app: App,
    scope: TenantScope,
    /// Memory for the contents of runs and workflows, held until the response is built.
    reservation: Reservation,
}

/// Key of a workflow: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkflowById(pub(super) Uuid);

/// Key of a plan: its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlanByName(pub(super) String);

/// Key of a run's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ContentById {
    pub(super) run: Uuid,
    /// Number of times that the document selects the same part of it: each needs memory in the response.
    pub(super) repeats: usize,
}

/// Key of a workflow's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkflowContentById {
    pub(super) workflow: Uuid,
    /// Number of times that the document selects the same part of it.
    pub(super) repeats: usize,
}

/// Key of the first page of a workflow's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FirstRuns {
    pub(super) workflow: Uuid,
    pub(super) first: i32,
    pub(super) status: Option<RunStatus>,
}

/// Creates the loaders of a request. Each request has its own, so that no request sees cached rows of another.
pub(super) fn loaders(app: &App, scope: TenantScope) -> Loaders {
    DataLoader::new(TenantRows { app: app.clone(), scope, reservation: Reservation::default() }, tokio::spawn)
}

impl Loader<WorkflowById> for TenantRows {
    type Value = Workflow;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[WorkflowById]) -> Result<HashMap<WorkflowById, Workflow>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|WorkflowById(id)| *id).collect();
        let rows = app::workflows::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (WorkflowById(row.id), row)).collect())
    }
}

impl Loader<PlanByName> for TenantRows {
    type Value = Plan;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[PlanByName]) -> Result<HashMap<PlanByName, Plan>, Self::Error> {
        let names: Vec<_> = keys.iter().map(|PlanByName(name)| name.clone()).collect();
        let rows = app::plans::get_by_names(&self.app, self.scope, &names).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (PlanByName(row.name.clone()), row)).collect())
    }
}

impl Loader<ContentById> for TenantRows {
    type Value = Arc<RunContent>;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[ContentById]) -> Result<HashMap<ContentById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|key| key.run).collect();
        let repeats = keys.iter().map(|key| key.repeats).max().unwrap_or(1);
        let rows = app::runs::contents(&self.app, self.scope, &ids, repeats, &self.reservation).await;
        let rows = rows.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (ContentById { run: row.id, repeats }, Arc::new(row))).collect())
    }
}

impl Loader<WorkflowContentById> for TenantRows {
    type Value = Arc<WorkflowContent>;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[WorkflowContentById],
    ) -> Result<HashMap<WorkflowContentById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|key| key.workflow).collect();
        let repeats = keys.iter().map(|key| key.repeats).max().unwrap_or(1);
        let rows = app::workflows::contents(&self.app, self.scope, &ids, repeats, &self.reservation).await;
        let rows = rows.map_err(Arc::new)?;
        Ok(rows
            .into_iter()
            .map(|row| (WorkflowContentById { workflow: row.id, repeats }, Arc::new(row)))
            .collect())
    }
}

impl Loader<FirstRuns> for TenantRows {
    type Value = Page<Run>;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[FirstRuns]) -> Result<HashMap<FirstRuns, Page<Run>>, Self::Error> {
        // The fields of one document nearly always request the same page of each workflow, so one statement
        // is sufficient.
        let mut by_arguments: HashMap<_, Vec<Uuid>> = HashMap::new();
        for FirstRuns { workflow, first, status } in keys {
            by_arguments.entry((*first, *status)).or_default().push(*workflow);
        }
        let mut found = HashMap::new();
        for ((first, status), workflows) in by_arguments {
            let filter = Filter { status, ..Filter::default() };
            let paging = paging(first, None);
            let pages =
                app::runs::list_by_workflows(&self.app, self.scope, &workflows, filter, &paging).await;
            let keyed = |(workflow, page)| (FirstRuns { workflow, first, status }, page);
            found.extend(pages.map_err(Arc::new)?.into_iter().map(keyed));
        }
        Ok(found)
    }
}
