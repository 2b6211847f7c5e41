//! `GET /v1/tenants/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    platform,
    resource::{Tenant, TenantField},
};
use crate::{
    app::{self, App},
    auth::Principal,
    http::{extract::Id, fields::Fields},
    problem::Problem,
};

/// Get a tenant
///
/// Returns any tenant of the platform. Requires the permission `platform.tenant.read`. Fails with 404 `not_found` if
/// there is no such tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{id}", tag = "tenants",
    params(
        ("id" = Uuid, Path, description = "ID of the tenant"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<TenantField>,
    ),
    responses(
        (status = OK, description = "Tenant", body = Tenant),
        (status = NOT_MODIFIED, description = "The tenant has not changed"),
    )
)]
pub(in crate::http) async fn get_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
    fields: Fields<TenantField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (tenant, _reservation) = app::tenants::get(&app, platform(&principal)?, id).await?;
    Ok(Tenant::selected(tenant, &headers, &fields))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Server};

    /// Only platform administrators can read any tenant.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn only_platform_administrators_read_tenants_by_id(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/tenants/{ACME}");
        let answer = server.get("acme", "owner", &path).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (403, Some("forbidden")));
        let token = server.issuer.platform_token("platform-admin");
        let answer = server.with_token(&token, &path).await;
        assert_eq!((answer.status, answer.body["slug"].as_str()), (200, Some("acme")));
    }

    /// Settings that take more memory than a response may are refused before they are read.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn settings_that_take_too_much_memory_are_not_read(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.platform_token("platform-admin");
        let tiny = serde_json::json!({"a": vec![serde_json::json!({"": 0}); 90_000]});
        let update = "update tenants set settings = $1::json";
        sqlx::query(update).bind(sqlx::types::Json(tiny)).execute(&pool).await.unwrap();
        let answer = server.with_token(&token, &format!("/v1/tenants/{ACME}")).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("response_too_large")));
    }
}
