//! `POST /v1/invitations`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::resource::CreatedInvitation;
use crate::{
    app::{
        self, App,
        idempotency::IdempotencyKey,
        invitations::Create,
        users::{Editor, NewPerson},
    },
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// New invitation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "dora@acme.example", "roles": ["member"]}))]
pub(in crate::http) struct CreateInvitation {
    /// Email address of the person; at most 254 bytes.
    #[schema(example = "dora@acme.example")]
    email: String,
    /// Full name of the person; at most 120 characters.
    #[schema(example = "Dora Lind")]
    display_name: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    #[schema(example = json!(["member"]))]
    roles: Vec<String>,
}

/// Invite a person
///
/// Creates an invitation, and a user with the status `INVITED` unless the tenant has one with the address and the roles. The response has
/// the token, which is not stored: the person sends it as `Invitation-Token` with the first request, within 7 days. If an SMTP server is
/// configured, the person gets a mail with a link that has the token, and `delivery` of the invitation says whether it was sent; otherwise,
/// hand the token over. The answer does not depend on whether other tenants know the address. With an `Idempotency-Key`, a retry returns the
/// invitation without its token and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `user.create`. Fails with 403 `forbidden` if the roles have permissions that the caller lacks, 409
/// `already_exists` if the person is a user of the tenant, or is invited with other roles, 409 `conflict` if too many invitations are open,
/// 409 `plan_limit_reached`, 422 `invalid`, 423 `tenant_suspended`, or 429 `rate_limited` if the tenant has sent 50 mails within an hour, or
/// 3 to the address within a day.
#[utoipa::path(
    post, path = "/v1/invitations", tag = "users",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateInvitation,
    responses((status = CREATED, description = "Invitation with its token", body = CreatedInvitation,
               headers(("Location" = String, description = "Path of the invitation"))))
)]
pub(in crate::http) async fn create_invitation(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateInvitation>,
) -> Result<Response, Problem> {
    let CreateInvitation { email, display_name, roles } = body;
    let person = NewPerson { email, display_name, picture_url: None, roles };
    let editor = Editor { scope: tenant.scope, permissions: tenant.grantable(principal.permissions) };
    let create = Create { person, requested_by: principal.email, key };
    let (created, outcome) = app::invitations::create(&app, editor, create).await?;
    let mut response = CreatedInvitation::response(created);
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
