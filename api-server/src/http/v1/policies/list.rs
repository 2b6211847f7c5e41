//! `GET /v1/policies`

use axum::{extract::State, response::Response};

use super::resource::{Policy, PolicyField};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, NoFilter, PageParameters},
    },
    problem::Problem,
};

/// List policies
///
/// Returns a page of the tenant's policies, newest first by default. Requires the permission `policy.read`.
#[utoipa::path(
    get, path = "/v1/policies", tag = "access", params(PageParameters, Fields<PolicyField>),
    responses((status = OK, description = "Page of policies", body = List<Policy>))
)]
pub(in crate::http) async fn list_policies(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<NoFilter, PolicyField>,
) -> Result<Response, Problem> {
    let page = app::policies::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::policies::count(&app, tenant.scope)).await?;
    Ok(request.response(page, total, |policy| Policy::new(tenant.scope, policy)))
}
