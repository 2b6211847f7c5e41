//! `POST /v1/tenants`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{body::CreateTenant, platform, resource::Tenant};
use crate::{
    app::{self, App, idempotency::IdempotencyKey, tenants::Create},
    auth::Principal,
    http::{extract::Json, idempotency::replayed},
    problem::Problem,
};

/// Create a tenant
///
/// Creates a tenant. The operator then sets up its namespace, which takes a few seconds. With an `Idempotency-Key`, a retry
/// returns the tenant that the first request has created and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `platform.tenant.create`. Fails with 409 `already_exists`, 422 `invalid`, or 422
/// `idempotency_key_reused`.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "tenants",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters; it is valid for as long as the tenant exists")),
    request_body = CreateTenant,
    responses((status = CREATED, description = "Tenant that was created", body = Tenant,
               headers(("Location" = String, description = "Path of the tenant"))))
)]
pub(in crate::http) async fn create_tenant(
    State(app): State<App>,
    principal: Principal,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateTenant>,
) -> Result<Response, Problem> {
    let scope = platform(&principal)?;
    let fields = body.fields();
    let create = Create { slug: body.slug, fields, requested_by: principal.email, key };
    let (tenant, outcome) = app::tenants::create(&app, scope, create).await?;
    let location = HeaderValue::from_str(&format!("/v1/tenants/{}", tenant.id));
    let mut response = Tenant::response(tenant, &HeaderMap::new());
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server};

    async fn post(server: &Server, role: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        server.platform(role, "POST", "/v1/tenants", &headers, &body.to_string()).await
    }

    /// A created tenant can be read at once, and a retry returns it instead of creating another one.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_created_tenant_can_be_read_at_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body =
            json!({"slug": "initech", "plan": "starter", "name": "Initech", "settings": {"currency": "USD"}});
        let created = post(&server, "platform-operator", "initech-1", &body).await;
        assert_eq!(
            (created.status, created.body["slug"].as_str()),
            (201, Some("initech")),
            "{}",
            created.body
        );
        let location = created.headers["location"].to_str().unwrap();
        let read = server.platform("platform-support", "GET", location, &[], "").await;
        assert_eq!((read.status, &read.body), (200, &created.body));
        let again = post(&server, "platform-operator", "initech-1", &body).await;
        assert_eq!((again.status, &again.body), (201, &created.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        let other = json!({"slug": "initech", "plan": "business"});
        let reused = post(&server, "platform-operator", "initech-1", &other).await;
        assert_eq!((reused.status, reused.body["code"].as_str()), (422, Some("idempotency_key_reused")));
        let exists = post(&server, "platform-operator", "initech-2", &body).await;
        assert_eq!((exists.status, exists.body["code"].as_str()), (409, Some("already_exists")));
    }

    /// Only platform roles with the permission create tenants, and invalid ones are refused with the field.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn who_may_not_create_tenants_and_invalid_ones_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"slug": "initech", "plan": "starter"});
        assert_eq!(server.post("acme", "owner", "/v1/tenants", &body).await.status, 403);
        assert_eq!(post(&server, "platform-support", "1", &body).await.status, 403);
        for (body, pointer) in [
            (json!({"slug": "Initech", "plan": "starter"}), "/slug"),
            (json!({"slug": "initech", "plan": "starter", "name": 7}), "/name"),
            (
                json!({"slug": "initech", "plan": "starter", "settings": {"x": "x".repeat(300_000)}}),
                "/settings",
            ),
        ] {
            let answer = post(&server, "platform-operator", "1", &body).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (422, Some("invalid")),
                "{}",
                answer.body
            );
            assert_eq!(answer.body["errors"][0]["pointer"], pointer);
        }
        let unknown = json!({"slug": "initech", "plan": "starter", "access": []});
        let answer = post(&server, "platform-operator", "1", &unknown).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")));
        assert!(!server.kubernetes.has_tenant("initech"));
    }
}
