//! `GET /v1/service-accounts`

use axum::{extract::State, response::Response};

use super::resource::{ServiceAccount, ServiceAccountField};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, NoFilter, PageParameters},
    },
    problem::Problem,
};

/// List service accounts
///
/// Returns a page of the tenant's service accounts, newest first by default. Requires the permission `service-account.read`.
#[utoipa::path(
    get, path = "/v1/service-accounts", tag = "keys", params(PageParameters, Fields<ServiceAccountField>),
    responses((status = OK, description = "Page of service accounts", body = List<ServiceAccount>))
)]
pub(in crate::http) async fn list_service_accounts(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<NoFilter, ServiceAccountField>,
) -> Result<Response, Problem> {
    let page = app::service_accounts::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::service_accounts::count(&app, tenant.scope)).await?;
    Ok(request.response(page, total, ServiceAccount::from))
}
