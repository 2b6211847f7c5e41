//! `PATCH /v1/users/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{editor, resource::User};
use crate::{
    app::{self, App, users::Patch},
    http::{
        authorize::Member,
        etag::IfMatch,
        extract::{Id, MergePatch, present},
    },
    problem::Problem,
};

/// Change of a user, as a JSON merge patch (RFC 7396): absent fields stay, and null removes a field.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"displayName": "Anna Berg", "pictureUrl": null}))]
pub(in crate::http) struct UpdateUser {
    /// Full name; at most 120 characters.
    #[schema(value_type = Option<String>, example = "Anna Berg")]
    #[serde(default, deserialize_with = "present")]
    display_name: Option<Option<String>>,
    /// URL of a picture, with the scheme https; at most 2,048 bytes. It replaces an uploaded picture, which is deleted.
    #[schema(value_type = Option<String>, example = "https://cdn.example/anna.png")]
    #[serde(default, deserialize_with = "present")]
    picture_url: Option<Option<String>>,
}

/// Change a user
///
/// Changes the name and the URL of the picture of a user. Address, status and roles have requests of their own, or do not change.
///
/// Requires the permission `user.update`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 412 `precondition_failed` if the user was changed since the client read it, 415 `unsupported_media_type`, 422 `invalid`, or 423
/// `tenant_suspended`.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    request_body(content = UpdateUser, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed user", body = User))
)]
pub(in crate::http) async fn update_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
    MergePatch(body): MergePatch<UpdateUser>,
) -> Result<Response, Problem> {
    let version = condition.and_then(IfMatch::generation);
    let UpdateUser { display_name, picture_url } = body;
    let patch = Patch { display_name, picture_url };
    let user = app::users::update(&app, editor(&member), id, version, patch).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ANNA, BOB, Server};

    /// A change is refused if the user was changed since it was read, and null removes a field.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_stale_change_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        let path = format!("/v1/users/{BOB}");
        let tag = server.get("acme", "admin", &path).await.headers["etag"].to_str().unwrap().to_owned();
        let media = ("content-type", "application/merge-patch+json");
        let headers = [media, ("if-match", tag.as_str())];
        let body = json!({"displayName": "Bob", "pictureUrl": "https://cdn.example/bob.png"}).to_string();
        let changed = server.patch("acme", "admin", &path, &headers, &body).await;
        assert_eq!((changed.status, &changed.body["displayName"]), (200, &json!("Bob")), "{}", changed.body);
        let stale = server.patch("acme", "admin", &path, &headers, &body).await;
        assert_eq!((stale.status, stale.body["code"].as_str()), (412, Some("precondition_failed")));
        let removed = server.patch("acme", "admin", &path, &[media], r#"{"pictureUrl": null}"#).await;
        assert_eq!(
            (&removed.body["pictureUrl"], &removed.body["displayName"]),
            (&json!(null), &json!("Bob"))
        );
        // An admin does not change an owner, who has more permissions.
        let owner = server.patch("acme", "admin", &format!("/v1/users/{ANNA}"), &[media], "{}").await;
        assert_eq!((owner.status, owner.body["code"].as_str()), (403, Some("forbidden")));
    }
}
