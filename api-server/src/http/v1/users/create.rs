//! `POST /v1/users`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{editor, resource::User};
use crate::{
    app::{
        self, App,
        idempotency::IdempotencyKey,
        users::{Create, NewPerson},
    },
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// New user.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "dora@acme.example", "displayName": "Dora Lind", "roles": ["member"]}))]
pub(in crate::http) struct CreateUser {
    /// Email address; at most 254 bytes.
    #[schema(example = "dora@acme.example")]
    email: String,
    /// Full name; at most 120 characters.
    #[schema(example = "Dora Lind")]
    display_name: Option<String>,
    /// URL of a picture, with the scheme https; at most 2,048 bytes. A picture is uploaded once the user exists.
    #[schema(example = "https://cdn.example/dora.png")]
    picture_url: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    #[schema(example = json!(["member"]))]
    roles: Vec<String>,
}

/// Create a user
///
/// Creates a user with the status `INVITED`. The first login of a person with this address makes the user active, if the issuer of the
/// token is trusted for addresses and has verified the address. Nobody is notified. An address that another tenant knows does not
/// matter. With an `Idempotency-Key`, a retry returns the user that the first request has created and the header
/// `Idempotent-Replayed: true`.
///
/// Requires the permission `user.create`. Fails with 403 `forbidden` if the roles have permissions that the caller lacks, 409
/// `already_exists` if the tenant has a user with the address, 409 `plan_limit_reached`, 422 `invalid`, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/users", tag = "users",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateUser,
    responses((status = CREATED, description = "User that was created", body = User,
               headers(("Location" = String, description = "Path of the user"))))
)]
pub(in crate::http) async fn create_user(
    State(app): State<App>,
    member: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateUser>,
) -> Result<Response, Problem> {
    let CreateUser { email, display_name, picture_url, roles } = body;
    let editor = editor(&member);
    let requested_by = member.principal.email;
    let person = NewPerson { email, display_name, picture_url, roles };
    let create = Create { person, requested_by, key };
    let (user, outcome) = app::users::create(&app, editor, create).await?;
    let location = HeaderValue::from_str(&format!("/v1/users/{}", user.id));
    let mut response = User::response(user, &HeaderMap::new());
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

    async fn create(server: &Server, tenant: &str, role: &str, body: &Value) -> Answer {
        server.post(tenant, role, "/v1/users", body).await
    }

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    /// Nobody creates a user with permissions that they lack: an admin creates no owner.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn nobody_grants_what_they_lack(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = |email: &str, role: &str| json!({"email": email, "roles": [role]});
        let refused = create(&server, "acme", "admin", &body("dora@acme.example", "owner")).await;
        assert_eq!(code(&refused), (403, "forbidden"), "{}", refused.body);
        assert!(refused.body["detail"].as_str().unwrap().contains("billing.manage"), "{}", refused.body);
        assert_eq!(create(&server, "acme", "owner", &body("dora@acme.example", "owner")).await.status, 201);
        assert_eq!(create(&server, "acme", "admin", &body("emil@acme.example", "admin")).await.status, 201);
        let unauthorized = create(&server, "acme", "builder", &body("finn@acme.example", "viewer")).await;
        assert_eq!(code(&unauthorized), (403, "forbidden"));
        for role in ["platform-admin", "root", ""] {
            let unknown = create(&server, "acme", "owner", &body("finn@acme.example", role)).await;
            assert_eq!(code(&unknown), (422, "invalid"), "{role}");
            assert_eq!(unknown.body["errors"][0]["pointer"], "/roles/0");
        }
    }

    /// All errors of a request are reported at once.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn errors_name_their_fields(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"email": "dora", "displayName": "", "pictureUrl": "http://x.example", "roles": []});
        let refused = create(&server, "acme", "owner", &body).await;
        let errors = refused.body["errors"].as_array().unwrap().iter();
        let pointers: Vec<_> = errors.map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/email", "/displayName", "/pictureUrl", "/roles"], "{}", refused.body);
    }

    /// Spellings of one address are one user of a tenant, and a tenant cannot find out whether another one knows an address.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_address_is_one_user_of_a_tenant(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        let body = |email: &str| json!({"email": email, "roles": ["viewer"]});
        let again = create(&server, "acme", "owner", &body("ANNA@ACME.example")).await;
        assert_eq!(code(&again), (409, "already_exists"), "{}", again.body);
        let elsewhere = create(&server, "globex", "owner", &body("anna@acme.example")).await;
        assert_eq!((elsewhere.status, &elsewhere.body["status"]), (201, &json!("INVITED")));
    }

    /// A repeated request creates one user, and the plan limits their number.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_retry_creates_nothing_and_the_plan_limits_the_number(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"users": 1})).await;
        let body = json!({"email": "dora@acme.example", "roles": ["viewer"]});
        let first = server.post_with_key("acme", "owner", "/v1/users", &body, "key").await;
        assert_eq!(first.status, 201, "{}", first.body);
        let again = server.post_with_key("acme", "owner", "/v1/users", &body, "key").await;
        assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
        assert_eq!(again.headers["idempotent-replayed"], "true");
        let other = json!({"email": "emil@acme.example", "roles": ["viewer"]});
        let refused = server.post_with_key("acme", "owner", "/v1/users", &other, "other").await;
        assert_eq!(code(&refused), (409, "plan_limit_reached"), "{}", refused.body);
        let suspended = create(&server, "hooli", "owner", &body).await;
        assert_eq!(code(&suspended), (423, "tenant_suspended"));
    }
}
