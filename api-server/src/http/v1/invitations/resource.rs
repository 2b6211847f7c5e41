//! The JSON representation of an invitation.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::invitations::Created,
    http::{etag, fields::Fields, v1::time::Time},
    store,
};

/// Invitation of a person to the tenant, without its token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Invitation {
    /// Immutable ID of the invitation.
    id: Uuid,
    /// ID of the user that the person becomes; it has the roles.
    user_id: Uuid,
    /// Email address of the person.
    #[schema(example = "dora@acme.example")]
    email: String,
    /// Email address of whoever has invited the person.
    #[schema(example = "anna@acme.example")]
    invited_by: String,
    /// Time after which the invitation is void: 7 days after its creation.
    expires_at: Time,
    /// Time at which the person has accepted the invitation. Null if it was not accepted.
    accepted_at: Option<Time>,
    /// Time at which the invitation was created.
    created_at: Time,
}

/// New invitation with its token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CreatedInvitation {
    #[serde(flatten)]
    #[schema(inline)]
    invitation: Invitation,
    /// The token, to be handed to the person, who sends it as `Invitation-Token` with the first request. It is shown once, and valid
    /// once. Null if an earlier request with the same idempotency key has returned it.
    #[schema(example = "smbi_0123456789abcdefghijABCDEFGHIJ0123456789")]
    token: Option<String>,
}

/// Fields of [`Invitation`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum InvitationField {
    Id,
    UserId,
    Email,
    InvitedBy,
    ExpiresAt,
    AcceptedAt,
    CreatedAt,
}

impl Invitation {
    /// Returns the response with fields of an invitation and its tag.
    pub(super) fn selected(
        invitation: store::invitations::Invitation,
        request: &HeaderMap,
        fields: &Fields<InvitationField>,
    ) -> Response {
        fields.mark(etag::with_etag(request, &fields.select(Self::from(invitation))))
    }
}

impl CreatedInvitation {
    /// Returns the response with a new invitation.
    pub(super) fn response(Created { invitation, token }: Created) -> Response {
        let location = HeaderValue::from_str(&format!("/v1/invitations/{}", invitation.id));
        let body = Self { invitation: Invitation::from(invitation), token };
        let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
        // The token stays in no cache.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
        response
    }
}

impl From<store::invitations::Invitation> for Invitation {
    fn from(invitation: store::invitations::Invitation) -> Self {
        let store::invitations::Invitation {
            id,
            user_id,
            email,
            invited_by,
            expires_at,
            accepted_at,
            created_at,
        } = invitation;
        let (expires_at, created_at) = (expires_at.into(), created_at.into());
        let accepted_at = accepted_at.map(Into::into);
        Self { id, user_id, email, invited_by, expires_at, accepted_at, created_at }
    }
}
