//! Loaders of the rows of one tenant.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader};
use serde_json::Value;
use uuid::Uuid;

use super::{AuditEventById, HeldMemory, PlanByName, spawn};
use crate::{
    app::{
        self, App, Reservation,
        events::{EventPage, EventPosition},
        page::{Page, Paging},
        runs::Filter,
        workflows::{Revision, RevisionKey},
    },
    auth::TenantScope,
    store::{
        Count, Plan, Run, RunContent, Tenant, Workflow, WorkflowContent,
        audit::AuditEvent,
        events::{Event, Events},
    },
};

/// Loaders of one request, for one tenant.
pub(in crate::graphql) type Loaders = DataLoader<TenantRows>;

/// Rows of one tenant.
pub(in crate::graphql) struct TenantRows {
    pub(super) app: App,
    pub(super) scope: TenantScope,
    /// Memory for the contents of runs and workflows, held until the response is built.
    reservation: Reservation,
    /// Memory for the row of the tenant.
    held: HeldMemory,
}

/// Key of the row of the tenant itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct OwnTenant;

/// Key of a run: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct RunById(pub(in crate::graphql) Uuid);

/// Key of a plan: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct PlanById(pub(in crate::graphql) Uuid);

/// Key of a workflow: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct WorkflowById(pub(in crate::graphql) Uuid);

/// Key of a run's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct ContentById {
    pub(in crate::graphql) run: Uuid,
    /// Number of times that the document selects the same part of it: each needs memory in the response.
    pub(in crate::graphql) repeats: usize,
}

/// Key of a workflow's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct WorkflowContentById {
    pub(in crate::graphql) workflow: Uuid,
    /// Number of times that the document selects the same part of it.
    pub(in crate::graphql) repeats: usize,
}

/// Key of a page of a workflow's runs that begins at no cursor. A cursor belongs to one workflow, so that pages that begin at one
/// cannot be read together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct RunsOfWorkflow {
    pub(in crate::graphql) workflow: Uuid,
    pub(in crate::graphql) filter: Filter,
    pub(in crate::graphql) paging: Paging,
}

/// Key of the number of a workflow's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct RunCountOfWorkflow {
    pub(in crate::graphql) workflow: Uuid,
    pub(in crate::graphql) filter: Filter,
}

/// Key of a page of a run's events. Cursors are positions in the events of the tenant, so that pages of several runs may begin at
/// the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct EventsOfRun {
    pub(in crate::graphql) run: Uuid,
    pub(in crate::graphql) page: EventPage,
}

/// Key of an event: its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct EventAt(pub(in crate::graphql) EventPosition);

/// Key of all revisions of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct RevisionsOfWorkflow(pub(in crate::graphql) Uuid);

/// Key of the definition of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct DefinitionOfRevision {
    pub(in crate::graphql) revision: RevisionKey,
    /// Number of times that the document selects the same part of it.
    pub(in crate::graphql) repeats: usize,
}

/// Creates the loaders of a request. Each request has its own, so that no request sees cached rows of another.
pub(in crate::graphql) fn loaders(app: &App, scope: TenantScope) -> Loaders {
    let rows = TenantRows {
        app: app.clone(),
        scope,
        reservation: Reservation::default(),
        held: HeldMemory::default(),
    };
    DataLoader::new(rows, spawn)
}

impl Loader<OwnTenant> for TenantRows {
    type Value = Arc<Tenant>;
    type Error = Arc<app::Error>;

    async fn load(&self, _: &[OwnTenant]) -> Result<HashMap<OwnTenant, Self::Value>, Self::Error> {
        match app::tenants::current(&self.app, self.scope).await {
            Ok((tenant, reservation)) => {
                self.held.hold(reservation);
                Ok(HashMap::from([(OwnTenant, Arc::new(tenant))]))
            }
            Err(app::Error::NotFound) => Ok(HashMap::new()),
            Err(error) => Err(Arc::new(error)),
        }
    }
}

impl Loader<RunById> for TenantRows {
    type Value = Run;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[RunById]) -> Result<HashMap<RunById, Run>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|RunById(id)| *id).collect();
        let rows = app::runs::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (RunById(row.id), row)).collect())
    }
}

impl Loader<PlanById> for TenantRows {
    type Value = Plan;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[PlanById]) -> Result<HashMap<PlanById, Plan>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|PlanById(id)| *id).collect();
        let rows = app::plans::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (PlanById(row.id), row)).collect())
    }
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
        let rows = app::contents::<RunContent>(&self.app, self.scope, &ids, repeats, &self.reservation).await;
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
        let rows =
            app::contents::<WorkflowContent>(&self.app, self.scope, &ids, repeats, &self.reservation).await;
        let rows = rows.map_err(Arc::new)?;
        Ok(rows
            .into_iter()
            .map(|row| (WorkflowContentById { workflow: row.id, repeats }, Arc::new(row)))
            .collect())
    }
}

impl Loader<RunsOfWorkflow> for TenantRows {
    type Value = Page<Run>;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[RunsOfWorkflow]) -> Result<HashMap<RunsOfWorkflow, Page<Run>>, Self::Error> {
        // The fields of one document nearly always request the same page of each workflow, so one statement
        // is sufficient.
        let mut by_arguments: HashMap<_, Vec<Uuid>> = HashMap::new();
        for RunsOfWorkflow { workflow, filter, paging } in keys {
            by_arguments.entry((*filter, paging.clone())).or_default().push(*workflow);
        }
        let mut found = HashMap::new();
        for ((filter, paging), workflows) in by_arguments {
            let pages =
                app::runs::list_by_workflows(&self.app, self.scope, &workflows, filter, &paging).await;
            let keyed =
                |(workflow, page)| (RunsOfWorkflow { workflow, filter, paging: paging.clone() }, page);
            found.extend(pages.map_err(Arc::new)?.into_iter().map(keyed));
        }
        Ok(found)
    }
}

impl Loader<RunCountOfWorkflow> for TenantRows {
    type Value = Count;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[RunCountOfWorkflow],
    ) -> Result<HashMap<RunCountOfWorkflow, Count>, Self::Error> {
        let mut by_filter: HashMap<_, Vec<Uuid>> = HashMap::new();
        for RunCountOfWorkflow { workflow, filter } in keys {
            by_filter.entry(*filter).or_default().push(*workflow);
        }
        let mut found = HashMap::new();
        for (filter, workflows) in by_filter {
            let counts = app::runs::count_by_workflows(&self.app, self.scope, &workflows, filter).await;
            let keyed = |(workflow, count)| (RunCountOfWorkflow { workflow, filter }, count);
            found.extend(counts.map_err(Arc::new)?.into_iter().map(keyed));
        }
        Ok(found)
    }
}

impl Loader<EventsOfRun> for TenantRows {
    type Value = Events;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[EventsOfRun]) -> Result<HashMap<EventsOfRun, Events>, Self::Error> {
        let mut by_page: HashMap<_, Vec<Uuid>> = HashMap::new();
        for EventsOfRun { run, page } in keys {
            by_page.entry(*page).or_default().push(*run);
        }
        let mut found = HashMap::new();
        for (page, runs) in by_page {
            let events = app::events::list_by_runs(&self.app, self.scope, &runs, page).await;
            let keyed = |(run, events)| (EventsOfRun { run, page }, events);
            found.extend(events.map_err(Arc::new)?.into_iter().map(keyed));
        }
        Ok(found)
    }
}

impl Loader<EventAt> for TenantRows {
    type Value = Event;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[EventAt]) -> Result<HashMap<EventAt, Event>, Self::Error> {
        let positions: Vec<_> = keys.iter().map(|EventAt(position)| *position).collect();
        let rows = app::events::get_many(&self.app, self.scope, &positions).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (EventAt(EventPosition::after(&row)), row)).collect())
    }
}

impl Loader<RevisionsOfWorkflow> for TenantRows {
    type Value = Arc<Vec<Revision>>;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[RevisionsOfWorkflow],
    ) -> Result<HashMap<RevisionsOfWorkflow, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|RevisionsOfWorkflow(id)| *id).collect();
        let found = app::workflows::revisions_of_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(id, all)| (RevisionsOfWorkflow(id), Arc::new(all))).collect())
    }
}

impl Loader<DefinitionOfRevision> for TenantRows {
    type Value = Arc<Value>;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[DefinitionOfRevision],
    ) -> Result<HashMap<DefinitionOfRevision, Self::Value>, Self::Error> {
        let revisions: Vec<_> = keys.iter().map(|key| key.revision.clone()).collect();
        let repeats = keys.iter().map(|key| key.repeats).max().unwrap_or(1);
        let found =
            app::workflows::definitions(&self.app, self.scope, &revisions, repeats, &self.reservation).await;
        let keyed =
            |(revision, definition)| (DefinitionOfRevision { revision, repeats }, Arc::new(definition));
        Ok(found.map_err(Arc::new)?.into_iter().map(keyed).collect())
    }
}

impl Loader<AuditEventById> for TenantRows {
    type Value = AuditEvent;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[AuditEventById],
    ) -> Result<HashMap<AuditEventById, AuditEvent>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|AuditEventById(id)| *id).collect();
        let rows = app::audit::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (AuditEventById(row.id), row)).collect())
    }
}
