//! `GET /v1/tenant`

use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        v1::tenants::resource::{Tenant, TenantField},
    },
    problem::Problem,
};

/// Get the tenant of the authenticated user
///
/// Returns the tenant that the bearer token names. Requires the permission `tenant.read`. Fails with 403 `tenant_required` if the token names no tenant.
#[utoipa::path(
    get, path = "/v1/tenant", tag = "tenants",
    params(
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<TenantField>,
    ),
    responses(
        (status = OK, description = "Tenant", body = Tenant),
        (status = NOT_MODIFIED, description = "The tenant has not changed"),
    )
)]
pub(in crate::http) async fn get_own_tenant(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    fields: Fields<TenantField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (tenant, _reservation) = app::tenants::current(&app, tenant.scope).await?;
    Ok(Tenant::selected(tenant, &headers, &fields))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Users see their own tenant and no other.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn users_get_their_own_tenant(pool: PgPool) {
        let server = Server::start(&pool).await;
        let acme = server.get("acme", "viewer", "/v1/tenant").await;
        let globex = server.get("globex", "viewer", "/v1/tenant").await;
        insta::assert_json_snapshot!([acme.body, globex.body]);
    }

    /// A platform administrator without a tenant receives an error that says so.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_token_without_a_tenant_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.with_token(&server.issuer.platform_token("platform-admin"), "/v1/plans").await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (403, Some("tenant_required")));
    }
}
