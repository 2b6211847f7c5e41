//! `GET /v1/tenants/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{platform, resource::Tenant};
use crate::{
    app,
    auth::Principal,
    http::{etag, extract::Id, problem::Problem},
    state::AppState,
};

/// Any tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{id}", tag = "tenants",
    params(("id" = Uuid, Path, description = "The tenant's id")),
    responses((status = OK, description = "The tenant", body = Tenant))
)]
pub(in crate::http) async fn get_tenant(
    State(state): State<AppState>,
    principal: Principal,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = app::tenants::get(&state, platform(&principal)?, id).await?;
    Ok(etag::tagged(&headers, &Tenant::from(tenant)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Server};

    /// A tenant's admin reads other tenants.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn only_the_platform_reads_tenants_by_id(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/tenants/{ACME}");
        let answer = server.get("acme", "owner", &path).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (403, Some("forbidden")));
        let token = server.issuer.platform_token("platform-admin");
        let answer = server.with_token(&token, &path).await;
        assert_eq!((answer.status, answer.body["slug"].as_str()), (200, Some("acme")));
    }
}
