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
    store::{
        self,
        invitations::{Delivery, DeliveryFailure, Mail},
    },
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
    #[schema(required = true)]
    accepted_at: Option<Time>,
    /// State of the mail with the invitation: `NOT_CONFIGURED` if no SMTP server is configured, so that the token has to be handed over;
    /// `PENDING` while it is being sent; `SENT` once the SMTP server has accepted it; or `FAILED`. The token is valid in all of them.
    #[schema(value_type = String, example = "SENT")]
    delivery: Delivery,
    /// Time at which the mail was sent, or failed. Null in the other states.
    #[schema(required = true)]
    delivery_at: Option<Time>,
    /// Reason why the mail was not sent: `REFUSED` if the SMTP server has refused it, `UNAVAILABLE` if the server could not be reached, or
    /// `INTERRUPTED` if the API has ended before it knew whether the mail was sent. Null unless `delivery` is `FAILED`.
    #[schema(value_type = Option<String>, example = "REFUSED", required = true)]
    delivery_failure: Option<DeliveryFailure>,
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
    #[schema(example = "smbi_0123456789abcdefghijABCDEFGHIJ0123456789", required = true)]
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
    Delivery,
    DeliveryAt,
    DeliveryFailure,
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
        let Mail { delivery, failure: delivery_failure, at } = invitation.mail(telemetry::clock::now());
        let store::invitations::Invitation {
            id,
            user_id,
            email,
            invited_by,
            expires_at,
            accepted_at,
            delivery: _,
            delivery_failure: _,
            delivery_at: _,
            created_at,
        } = invitation;
        Self {
            id,
            user_id,
            email,
            invited_by,
            expires_at: expires_at.into(),
            accepted_at: accepted_at.map(Into::into),
            delivery,
            delivery_at: at.map(Into::into),
            delivery_failure,
            created_at: created_at.into(),
        }
    }
}
