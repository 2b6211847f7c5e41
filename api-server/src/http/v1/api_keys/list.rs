//! `GET /v1/api-keys`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::resource::{ApiKey, ApiKeyField};
use crate::{
    app::{self, App, api_keys::Filter},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, PageParameters},
    },
    problem::Problem,
};

/// Filters of the list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by owner: only keys of this user.
    user_id: Option<Uuid>,
    /// Filter by owner: only keys of this service account.
    service_account_id: Option<Uuid>,
}

/// List API keys
///
/// Returns a page of the tenant's API keys, without their secrets, newest first by default. Requires the permission `api-key.read`.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "keys", params(PageParameters, Parameters, Fields<ApiKeyField>),
    responses((status = OK, description = "Page of API keys", body = List<ApiKey>))
)]
pub(in crate::http) async fn list_api_keys(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, ApiKeyField>,
) -> Result<Response, Problem> {
    let Parameters { user_id, service_account_id } = request.filter;
    let filter = Filter { user: user_id, service_account: service_account_id };
    let page = app::api_keys::list(&app, tenant.scope, filter, &request.paging).await?;
    let total = request.total_count(app::api_keys::count(&app, tenant.scope, filter)).await?;
    Ok(request.response(page, total, ApiKey::from))
}
