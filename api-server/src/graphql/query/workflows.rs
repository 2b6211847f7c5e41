//! The root fields that read workflows.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::WorkflowFilter,
        global_id::{GlobalId, Kind},
        lookup,
        objects::{REVISIONS_COST, Workflow, WorkflowRevision},
        orders::WorkflowOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of workflows.
#[derive(Default)]
pub(super) struct WorkflowQueries;

/// Queries of workflows.
#[Object]
impl WorkflowQueries {
    /// Workflows of the tenant. Requires the permission `workflow.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
        #[graphql(default, desc = "Order of the workflows.")] order_by: WorkflowOrder,
        #[graphql(desc = "Filter of the workflows. Default: all workflows.")] filter: Option<WorkflowFilter>,
    ) -> Result<ConnectionOf<Workflow>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let (caller, filter) = (Caller::from_context(ctx)?, filter.unwrap_or_default().into());
        let page = app::workflows::list(caller.app, caller.tenant()?.scope, filter, &paging)
            .await
            .map_err(from_app)?;
        Ok(connection(page, &paging, Workflow::position, Workflow, Counted::Workflows(filter)))
    }

    /// Returns a workflow of the tenant; null if it does not exist. Requires the permission `workflow.read`.
    async fn workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the workflow.")] id: ID,
    ) -> Result<Option<Workflow>> {
        match Kind::Workflow.decode(&id) {
            Some(id) => lookup::workflow(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Returns a revision of a workflow of the tenant; null if it does not exist any more. Requires the permission `workflow.read`.
    #[graphql(complexity = "child_complexity.saturating_add(REVISIONS_COST)")]
    async fn workflow_revision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the revision.")] id: ID,
    ) -> Result<Option<WorkflowRevision>> {
        match GlobalId::decode(&id) {
            Some(GlobalId::Revision(key)) => lookup::revision(ctx, key).await,
            Some(GlobalId::Object(..) | GlobalId::Event(_) | GlobalId::Role(_)) | None => Ok(None),
        }
    }
}
