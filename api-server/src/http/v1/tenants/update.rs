//! `PATCH /v1/tenants/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{body::UpdateTenant, platform, resource::Tenant};
use crate::{
    app::{self, App, tenants::Patch},
    auth::Principal,
    http::{
        etag::IfMatch,
        extract::{Id, MergePatch},
    },
    problem::Problem,
};

/// Change a tenant
///
/// Changes the name, the plan and the settings of any tenant. Fields that another tool manages, such as Argo CD or kubectl,
/// cannot be changed: the errors name the fields and their managers.
///
/// Requires the permission `platform.tenant.update`. Fails with 404 `not_found`, 409 `managed_by_gitops`, 412
/// `precondition_failed` if the tenant was changed since the client read it, 415 `unsupported_media_type`, or 422 `invalid`.
#[utoipa::path(
    patch, path = "/v1/tenants/{id}", tag = "tenants",
    params(
        ("id" = Uuid, Path, description = "ID of the tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the tenant. Default: any state."),
    ),
    request_body(content = UpdateTenant, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed tenant", body = Tenant))
)]
pub(in crate::http) async fn update_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
    condition: Option<IfMatch>,
    MergePatch(body): MergePatch<UpdateTenant>,
) -> Result<Response, Problem> {
    let generation = condition.and_then(IfMatch::generation);
    let patch = Patch(body.fields());
    let (tenant, _reservation) =
        app::tenants::update(&app, platform(&principal)?, id, generation, patch).await?;
    Ok(Tenant::response(tenant, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Answer, Server};

    async fn patch(server: &Server, role: &str, if_match: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", if_match)];
        server.platform(role, "PATCH", &format!("/v1/tenants/{ACME}"), &headers, &body.to_string()).await
    }

    /// A platform operator gives a tenant another plan; a stale tag, and a role without the permission, are refused.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_platform_operator_changes_the_plan_of_a_tenant(pool: PgPool) {
        let server = Server::start(&pool).await;
        let read = server.get("acme", "viewer", "/v1/tenant").await;
        let tag = read.headers["etag"].to_str().unwrap();
        let body = json!({"settings": {"locale": "de"}});
        let changed = patch(&server, "platform-operator", tag, &body).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.body["settings"], json!({"currency": "EUR", "locale": "de"}));
        let stale = patch(&server, "platform-operator", tag, &body).await;
        assert_eq!((stale.status, stale.body["code"].as_str()), (412, Some("precondition_failed")));
        assert_eq!(patch(&server, "platform-support", "*", &body).await.status, 403);
        server.kubernetes.set_tenant_manager(
            "acme",
            "argocd-controller",
            &json!({"f:spec": {"f:planRef": {"f:name": {}}}}),
        );
        let refused = patch(&server, "platform-operator", "*", &json!({"plan": "business"})).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("managed_by_gitops")));
        assert_eq!(refused.body["errors"][0]["pointer"], "/plan");
    }
}
