//! The root fields that read the audit log.

use async_graphql::{Context, Object, Result};

use crate::{
    app::{self, audit::Filter},
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::AuditEventFilter,
        objects::AuditEvent,
        orders::AuditEventOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of audit events.
#[derive(Default)]
pub(super) struct AuditEventQueries;

/// Queries of audit events.
#[Object]
impl AuditEventQueries {
    /// Audit events of the tenant: one for each operation that was to change something, by REST, by GraphQL or by a job of the
    /// platform, also if it was refused. Requires the permission `audit.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn audit_events(
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
        #[graphql(default, desc = "Order of the audit events.")] order_by: AuditEventOrder,
        #[graphql(desc = "Filter of the audit events. Default: all audit events.")] filter: Option<
            AuditEventFilter,
        >,
    ) -> Result<ConnectionOf<AuditEvent>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let filter: Filter = filter.unwrap_or_default().into();
        let page = app::audit::list(caller.app, caller.tenant()?.scope, filter.clone(), &paging).await;
        let page = page.map_err(from_app)?;
        Ok(connection(page, &paging, AuditEvent::position, AuditEvent, Counted::AuditEvents(filter)))
    }

    /// Audit events of the platform: what its administrators do to tenants. Requires the permission `platform.audit.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn platform_audit_events(
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
        #[graphql(default, desc = "Order of the audit events.")] order_by: AuditEventOrder,
        #[graphql(desc = "Filter of the audit events. Default: all audit events.")] filter: Option<
            AuditEventFilter,
        >,
    ) -> Result<ConnectionOf<AuditEvent>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let filter: Filter = filter.unwrap_or_default().into();
        let page =
            app::audit::list_of_platform(caller.app, caller.platform()?, filter.clone(), &paging).await;
        let page = page.map_err(from_app)?;
        Ok(connection(page, &paging, AuditEvent::position, AuditEvent, Counted::PlatformAuditEvents(filter)))
    }
}
