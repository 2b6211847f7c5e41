//! `GET /v1/me`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Principal;

/// Who the caller is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Me {
    /// The e-mail address of the token, in lower case.
    #[schema(example = "anna@acme.example")]
    email: String,
    /// The roles of the token.
    roles: Vec<String>,
    /// The caller's tenant; people of the platform may have none.
    tenant: Option<OwnTenant>,
}

/// The caller's tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OwnTenant {
    /// Its id.
    id: Uuid,
    /// Its name in tokens and in Kubernetes.
    #[schema(example = "acme")]
    slug: String,
}

/// Who the caller is.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = OK, description = "The caller", body = Me)))]
pub(in crate::http) async fn get_me(principal: Principal) -> Json<Me> {
    let Principal { email, roles, permissions: _, tenant, platform: _ } = principal;
    let tenant = tenant.map(|it| OwnTenant { id: it.scope.tenant_id(), slug: it.slug });
    Json(Me { email, roles, tenant })
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server};

    /// A client cannot tell as whom it is logged in.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_caller_is_who_the_token_says(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, body, .. } = server.get("acme", "viewer", "/v1/me").await;
        assert_eq!(status, 200);
        assert_eq!(body["email"], "anna@acme.example");
        assert_eq!(body["tenant"]["slug"], "acme");
        assert_eq!(body["roles"], serde_json::json!(["viewer"]));
    }

    /// A stranger is let in, or a client cannot tell why it is not.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_a_token_nothing_is_said(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, headers, body, bytes: _ } = server.anonymous("/v1/me").await;
        assert_eq!((status, body["code"].as_str()), (401, Some("unauthenticated")));
        assert!(headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        let forged = server.with_token("not.a.token", "/v1/me").await;
        assert_eq!((forged.status, forged.body["code"].as_str()), (401, Some("invalid_token")));
    }

    /// A user of a tenant that does not exist here gets an empty one, or someone else's.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_that_is_not_known_is_named(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, body, .. } = server.get("initech", "admin", "/v1/me").await;
        assert_eq!((status, body["code"].as_str()), (403, Some("tenant_unknown")));
    }
}
