//! `PATCH /v1/tenant`

use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    app::{self, App, tenants::Patch},
    http::{
        authorize::Member,
        etag::IfMatch,
        extract::MergePatch,
        v1::tenants::{body::UpdateOwnTenant, resource::Tenant},
    },
    problem::Problem,
};

/// Change the tenant of the authenticated user
///
/// Changes the name and the settings of the tenant that the bearer token names. Fields that another tool manages, such as Argo
/// CD or kubectl, cannot be changed: the errors name the fields and their managers.
///
/// Requires the permission `tenant.update`. Fails with 403 `tenant_required`, 409 `managed_by_gitops`, 412 `precondition_failed` if
/// the tenant was changed since the client read it, 415 `unsupported_media_type`, 422 `invalid`, or 423 `tenant_suspended`.
#[utoipa::path(
    patch, path = "/v1/tenant", tag = "tenants",
    params(("If-Match" = Option<String>, Header, description = "`ETag` of the tenant. Default: any state.")),
    request_body(content = UpdateOwnTenant, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed tenant", body = Tenant))
)]
pub(in crate::http) async fn update_own_tenant(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    condition: Option<IfMatch>,
    MergePatch(body): MergePatch<UpdateOwnTenant>,
) -> Result<Response, Problem> {
    let generation = condition.and_then(IfMatch::generation);
    let (tenant, _reservation) =
        app::tenants::update_own(&app, tenant.scope, generation, Patch(body.fields())).await?;
    Ok(Tenant::response(tenant, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server};

    async fn patch(server: &Server, tenant: &str, role: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/merge-patch+json")];
        server.patch(tenant, role, "/v1/tenant", &headers, &body.to_string()).await
    }

    /// An admin changes name and settings of the own tenant, and of no other; neither plan nor status.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_admin_changes_name_and_settings_of_the_own_tenant(pool: PgPool) {
        let server = Server::start(&pool).await;
        let globex = server.get("globex", "viewer", "/v1/tenant").await.body;
        let changed = patch(&server, "acme", "admin", &json!({"settings": {"locale": "de"}})).await;
        assert_eq!(
            (changed.status, &changed.body["settings"]),
            (200, &json!({"currency": "EUR", "locale": "de"})),
            "{}",
            changed.body
        );
        assert_eq!(server.get("acme", "viewer", "/v1/tenant").await.body, changed.body);
        assert_eq!(server.get("globex", "viewer", "/v1/tenant").await.body, globex);
        for body in [json!({"plan": "business"}), json!({"status": "ACTIVE"}), json!({"slug": "other"})] {
            assert_eq!(patch(&server, "acme", "admin", &body).await.status, 422, "{body}");
        }
        assert_eq!(patch(&server, "acme", "builder", &json!({})).await.status, 403);
        let suspended = patch(&server, "hooli", "admin", &json!({"name": "Hooli"})).await;
        assert_eq!((suspended.status, suspended.body["code"].as_str()), (423, Some("tenant_suspended")));
    }
}
