//! `GET /v1/tenants`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{platform, resource::Tenant};
use crate::{
    app::{self, tenants::Filter},
    auth::Principal,
    db::Timestamp,
    http::{
        list::{List, ListRequest, PageParameters},
        problem::Problem,
    },
    state::AppState,
    store::TenantState,
};

/// Which tenants to list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Only tenants in this state: `ACTIVE`, `SUSPENDED` or `ARCHIVED`.
    #[param(value_type = Option<String>)]
    status: Option<TenantState>,
    /// Only tenants created after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
}

/// All tenants.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", params(PageParameters, Parameters),
    responses((status = OK, description = "A page of tenants", body = List<Tenant>))
)]
pub(in crate::http) async fn list_tenants(
    State(state): State<AppState>,
    principal: Principal,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    let filter = Filter { state: status, created_after };
    let page = app::tenants::list(&state, platform(&principal)?, filter, &request.paging).await?;
    Ok(request.answer(page, Tenant::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// A page lacks a tenant, or shows it twice.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn pages_follow_each_other(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.platform_token("platform-admin");
        let mut path = "/v1/tenants?limit=1&sort=createdAt".to_owned();
        let mut slugs = Vec::new();
        loop {
            let page = server.with_token(&token, &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            slugs.extend(page.body["data"].as_array().unwrap().iter().map(|it| it["slug"].clone()));
            let Some(next) = page.body["page"]["nextCursor"].as_str() else { break };
            path = format!("/v1/tenants?limit=1&sort=createdAt&cursor={next}");
        }
        assert_eq!(slugs, ["acme", "globex", "hooli"]);
    }
}
