//! One statement for all the fields of a document that want the same kind of thing.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader};
use uuid::Uuid;

use crate::{
    app::{self, page::Page, runs::Filter},
    auth::TenantScope,
    state::AppState,
    store::{self, Plan, Run, RunContent, RunStatus, TenantTx, Workflow},
};

/// The loaders of one request, for one tenant.
pub(super) type Loaders = DataLoader<Rows>;

/// Where the loaders read.
pub(super) struct Rows {
    state: AppState,
    scope: TenantScope,
}

/// A workflow, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkflowById(pub(super) Uuid);

/// A plan, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlanByName(pub(super) String);

/// A run's large parts, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ContentById(pub(super) Uuid);

/// The first page of a workflow's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RunsOf {
    pub(super) workflow: Uuid,
    pub(super) first: i32,
    pub(super) status: Option<RunStatus>,
}

impl Rows {
    async fn begin(&self) -> Result<TenantTx, store::Error> {
        TenantTx::begin(&self.state.db, self.scope).await
    }
}

/// Loaders are made anew for each request, so that nothing of one is seen by the next.
pub(super) fn loaders(state: &AppState, scope: TenantScope) -> Loaders {
    DataLoader::new(Rows { state: state.clone(), scope }, tokio::spawn)
}

impl Loader<WorkflowById> for Rows {
    type Value = Workflow;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[WorkflowById]) -> Result<HashMap<WorkflowById, Workflow>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|WorkflowById(id)| *id).collect();
        let mut tx = self.begin().await.map_err(shared)?;
        let rows = store::workflows::by_ids(&mut tx, &ids).await.map_err(shared)?;
        Ok(rows.into_iter().map(|row| (WorkflowById(row.id), row)).collect())
    }
}

impl Loader<PlanByName> for Rows {
    type Value = Plan;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[PlanByName]) -> Result<HashMap<PlanByName, Plan>, Self::Error> {
        let names: Vec<_> = keys.iter().map(|PlanByName(name)| name.clone()).collect();
        let mut tx = self.begin().await.map_err(shared)?;
        let rows = store::plans::by_names(&mut tx, &names).await.map_err(shared)?;
        Ok(rows.into_iter().map(|row| (PlanByName(row.name.clone()), row)).collect())
    }
}

impl Loader<ContentById> for Rows {
    type Value = RunContent;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[ContentById]) -> Result<HashMap<ContentById, RunContent>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|ContentById(id)| *id).collect();
        let mut tx = self.begin().await.map_err(shared)?;
        let rows = store::runs::contents(&mut tx, &ids).await.map_err(shared)?;
        Ok(rows.into_iter().map(|row| (ContentById(row.id), row)).collect())
    }
}

impl Loader<RunsOf> for Rows {
    type Value = Page<Run>;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[RunsOf]) -> Result<HashMap<RunsOf, Page<Run>>, Self::Error> {
        // Fields of one document nearly always ask for the same page of each workflow: one statement then.
        let mut by_arguments: HashMap<_, Vec<Uuid>> = HashMap::new();
        for RunsOf { workflow, first, status } in keys {
            by_arguments.entry((*first, *status)).or_default().push(*workflow);
        }
        let mut found = HashMap::new();
        for ((first, status), workflows) in by_arguments {
            let filter = Filter { status, ..Filter::default() };
            let paging = super::connection::paging(first, None);
            let pages =
                app::runs::list_by_workflows(&self.state, self.scope, &workflows, filter, &paging).await;
            let keyed = |(workflow, page)| (RunsOf { workflow, first, status }, page);
            found.extend(pages.map_err(Arc::new)?.into_iter().map(keyed));
        }
        Ok(found)
    }
}

fn shared(error: store::Error) -> Arc<app::Error> {
    Arc::new(error.into())
}
