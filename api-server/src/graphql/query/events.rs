//! The root field that reads events.

use async_graphql::{Context, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{PageArguments, cost},
        error::from_app,
        objects::{EventConnection, event_connection},
        request::Caller,
    },
};

/// Queries of events.
#[derive(Default)]
pub(super) struct EventQueries;

/// Queries of events.
#[Object]
impl EventQueries {
    /// Changes of the tenant, its workflows and its runs, oldest first. To follow them, repeat the query with the `nextCursor` of each
    /// answer: no event is returned twice or left out. Events are retained for as long as the plan says, seven days by default. Fails
    /// with `EVENTS_EXPIRED` if events after `after` were deleted: read the current state then, and begin without `after`. Requires the
    /// permission `event.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Cursor after which the page starts: the `nextCursor` of the previous page, or the cursor of an event. Default: the oldest event that is retained."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100: the newest events, in the same order.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
    ) -> Result<EventConnection> {
        let page = PageArguments { first, after, last, before }.event_page()?;
        let caller = Caller::from_context(ctx)?;
        let found = app::events::list(caller.app, caller.tenant()?.scope, page).await.map_err(from_app)?;
        Ok(event_connection(found, page))
    }
}
