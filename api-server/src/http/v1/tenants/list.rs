//! `GET /v1/tenants`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    platform,
    resource::{Tenant, TenantField},
};
use crate::{
    app::{self, App, tenants::Filter},
    auth::Principal,
    http::{
        extract::optional_enum_name,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::Problem,
    store::{TenantState, tenants::TenantColumns},
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
    /// Filter by creation time: only tenants created before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<jiff::Timestamp>,
}

/// List tenants
///
/// Returns a page of all tenants of the platform, newest first by default. Requires the permission
/// `platform.tenant.read`.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", params(PageParameters, Parameters, Fields<TenantField>),
    responses((status = OK, description = "Page of tenants", body = List<Tenant>))
)]
pub(in crate::http) async fn list_tenants(
    State(app): State<App>,
    principal: Principal,
    request: ListRequest<Parameters, TenantField>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after, created_before } = request.filter;
    let filter = Filter { state: status, created: created(created_after, created_before) };
    let scope = platform(&principal)?;
    let columns = match request.fields.has_any(&[TenantField::Settings]) {
        true => TenantColumns::All,
        false => TenantColumns::Small,
    };
    let (page, _reservation) = app::tenants::list(&app, scope, filter, &request.paging, columns).await?;
    let total = request.total_count(app::tenants::count(&app, scope, filter)).await?;
    Ok(request.response(page, total, Tenant::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// A page whose settings take more memory than a response may is refused before they are read; fewer tenants are returned.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn settings_that_take_too_much_memory_are_not_read(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.platform_token("platform-admin");
        let tiny = serde_json::json!({"a": vec![serde_json::json!({"": 0}); 22_000]});
        sqlx::query("update tenants set settings = $1::json")
            .bind(sqlx::types::Json(tiny))
            .execute(&pool)
            .await
            .unwrap();
        let page = server.with_token(&token, "/v1/tenants").await;
        assert_eq!(
            (page.status, page.body["code"].as_str()),
            (422, Some("response_too_large")),
            "{}",
            page.status
        );
        assert_eq!(server.with_token(&token, "/v1/tenants?limit=1").await.status, 200);
        let selected = server.with_token(&token, "/v1/tenants?fields=slug,status&include=totalCount").await;
        assert_eq!((selected.status, &selected.body["page"]["totalCount"]), (200, &"3".into()));
    }

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
