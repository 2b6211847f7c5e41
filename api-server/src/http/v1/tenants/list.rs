//! `GET /v1/tenants`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{platform, resource::Tenant};
use crate::{
    app::{self, App, tenants::Filter},
    auth::Principal,
    http::{
        extract::optional_enum_name,
        list::{List, ListRequest, PageParameters},
    },
    problem::Problem,
    store::TenantState,
};

/// Filters of the list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by status: `ACTIVE`, `SUSPENDED` or `ARCHIVED`.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    status: Option<TenantState>,
    /// Filter by creation time: only tenants created after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<jiff::Timestamp>,
}

/// List tenants
///
/// Returns a page of all tenants of the platform, newest first by default. Requires the permission
/// `platform.tenant.read`.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", params(PageParameters, Parameters),
    responses((status = OK, description = "Page of tenants", body = List<Tenant>))
)]
pub(in crate::http) async fn list_tenants(
    State(app): State<App>,
    principal: Principal,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    let filter = Filter { state: status, created_after: created_after.map(Into::into) };
    let page = app::tenants::list(&app, platform(&principal)?, filter, &request.paging).await?;
    Ok(request.response(page, Tenant::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Paging returns every tenant exactly once.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn pages_contain_every_tenant_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.platform_token("platform-admin");
        let mut path = "/v1/tenants?limit=1&sort=createdAt".to_owned();
        let mut slugs = Vec::new();
        loop {
            let page = server.with_token(&token, &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            slugs.extend(page.body["data"].as_array().unwrap().iter().map(|tenant| tenant["slug"].clone()));
            let Some(next) = page.body["page"]["nextCursor"].as_str() else { break };
            path = format!("/v1/tenants?limit=1&sort=createdAt&cursor={next}");
        }
        assert_eq!(slugs, ["acme", "globex", "hooli"]);
    }
}
