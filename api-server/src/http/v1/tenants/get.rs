//! `GET /v1/tenants/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{platform, resource::Tenant};
use crate::{
    app::{self, App},
    auth::Principal,
    http::{etag, extract::Id},
    problem::Problem,
};

/// Get a tenant
///
/// Returns any tenant of the platform. Requires the permission `platform.tenant.read`. Fails with 404 `not_found` if
/// there is no such tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{id}", tag = "tenants",
    params(("id" = Uuid, Path, description = "ID of the tenant")),
    responses((status = OK, description = "Tenant", body = Tenant))
)]
pub(in crate::http) async fn get_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = app::tenants::get(&app, platform(&principal)?, id).await?;
    Ok(etag::with_etag(&headers, &Tenant::from(tenant)))
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
}
