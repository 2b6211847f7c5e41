//! `GET /v1/me`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Principal;

/// Authenticated user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Me {
    /// ID of the user. Null if the claims of the token alone identify the caller.
    #[schema(required = true)]
    id: Option<Uuid>,
    /// Email address of the user. That of a token's claims is in lower case.
    #[schema(example = "anna@acme.example")]
    email: String,
    /// Full name of the user.
    #[schema(example = "Anna Berg", required = true)]
    display_name: Option<String>,
    /// URL of a picture of the user with the scheme https, or the path of the API to an uploaded picture.
    #[schema(required = true)]
    picture_url: Option<String>,
    /// Roles of the user, or those of the token's claims: names of built-in roles and IDs of the tenant's own.
    roles: Vec<String>,
    /// Tenant of the user. Null for platform administrators without a tenant.
    #[schema(required = true)]
    tenant: Option<OwnTenant>,
}

/// Tenant of the authenticated user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OwnTenant {
    /// Immutable ID of the tenant.
    id: Uuid,
    /// Name of the tenant in tokens and in Kubernetes.
    #[schema(example = "acme")]
    slug: String,
}

/// Get the authenticated user
///
/// Returns the user that the bearer token identifies. A person who was invited becomes a user with the first request. Requires a valid
/// token and no permission.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = OK, description = "Authenticated user", body = Me)))]
pub(in crate::http) async fn get_me(principal: Principal) -> Json<Me> {
    let Principal {
        email,
        roles,
        tenant,
        user,
        issuer: _,
        subject: _,
        permissions: _,
        platform: _,
        mfa: _,
        api_key: _,
        scopes: _,
        session: _,
        origin: _,
    } = principal;
    let tenant = tenant.map(|tenant| OwnTenant { id: tenant.scope.tenant_id(), slug: tenant.slug });
    let id = user.as_ref().map(|user| user.id);
    let display_name = user.as_ref().and_then(|user| user.display_name.clone());
    let picture_url = user.as_ref().and_then(|user| user.picture_url.clone());
    Json(Me { id, email, display_name, picture_url, roles, tenant })
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server};

    /// A client can read the identity of its token.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_user_of_the_token_is_returned(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, body, .. } = server.get("acme", "viewer", "/v1/me").await;
        assert_eq!(status, 200);
        assert_eq!(body["email"], "anna@acme.example");
        assert_eq!(body["tenant"]["slug"], "acme");
        assert_eq!(body["roles"], serde_json::json!(["viewer"]));
    }

    /// Requests without a valid token are refused with the reason.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_valid_token_is_required(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, headers, body, bytes: _ } = server.anonymous("/v1/me").await;
        assert_eq!((status, body["code"].as_str()), (401, Some("unauthenticated")));
        assert!(headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        let forged = server.with_token("not.a.token", "/v1/me").await;
        assert_eq!((forged.status, forged.body["code"].as_str()), (401, Some("invalid_token")));
    }

    /// A token for an unknown tenant is refused instead of yielding an empty or another tenant.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_tenant_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let Answer { status, body, .. } = server.get("initech", "admin", "/v1/me").await;
        assert_eq!((status, body["code"].as_str()), (403, Some("tenant_unknown")));
    }
}
