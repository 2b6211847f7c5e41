//! The root fields that read runs.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::WorkflowRunFilter,
        global_id::Kind,
        lookup,
        objects::WorkflowRun,
        orders::WorkflowRunOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of runs.
#[derive(Default)]
pub(super) struct RunQueries;

/// Queries of runs.
#[Object]
impl RunQueries {
    /// Runs of the tenant. Requires the permission `workflow.run.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn workflow_runs(
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
        #[graphql(default, desc = "Order of the runs.")] order_by: WorkflowRunOrder,
        #[graphql(desc = "Filter of the runs. Default: all runs.")] filter: Option<WorkflowRunFilter>,
    ) -> Result<ConnectionOf<WorkflowRun>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let (caller, filter) = (Caller::from_context(ctx)?, filter.unwrap_or_default().into());
        let page =
            app::runs::list(caller.app, caller.tenant()?.scope, filter, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, WorkflowRun::position, WorkflowRun, Counted::Runs(filter)))
    }

    /// Returns a run of the tenant; null if it does not exist. Requires the permission `workflow.run.read`.
    async fn workflow_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the run.")] id: ID,
    ) -> Result<Option<WorkflowRun>> {
        match Kind::WorkflowRun.decode(&id) {
            Some(id) => lookup::run(ctx, id).await,
            None => Ok(None),
        }
    }
}
