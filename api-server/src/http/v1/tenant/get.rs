//! `GET /v1/tenant`

use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    app,
    http::{authorize::Member, etag, problem::Problem, v1::tenants::resource::Tenant},
    state::AppState,
};

/// The caller's own tenant.
#[utoipa::path(
    get, path = "/v1/tenant", tag = "tenants",
    responses((status = OK, description = "The tenant", body = Tenant))
)]
pub(in crate::http) async fn get_own_tenant(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = app::tenants::current(&state, tenant.scope).await?;
    Ok(etag::tagged(&headers, &Tenant::from(tenant)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// A user sees the settings of another business.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn everyone_sees_their_own_tenant(pool: PgPool) {
        let server = Server::start(&pool).await;
        let acme = server.get("acme", "viewer", "/v1/tenant").await;
        let globex = server.get("globex", "viewer", "/v1/tenant").await;
        insta::assert_json_snapshot!([acme.body, globex.body]);
    }

    /// Someone of the platform, who has no tenant, gets a failure without a reason.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn who_has_no_tenant_is_told_so(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.with_token(&server.issuer.platform_token("platform-admin"), "/v1/plans").await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (403, Some("tenant_required")));
    }
}
