//! The type `Invitation`.

use async_graphql::{Context, Enum, ID, Object, Result};

use super::User;
use crate::{
    graphql::{global_id::Kind, lookup, scalars::DateTime},
    store::{self, invitations},
};

/// State of the mail with an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "invitations::Delivery")]
pub(in crate::graphql) enum InvitationDelivery {
    /// No SMTP server is configured, so that the token has to be handed over.
    NotConfigured,
    /// The mail is being sent.
    Pending,
    /// The SMTP server has accepted the mail.
    Sent,
    /// The mail was not sent. The token is valid all the same.
    Failed,
}

/// Reason why the mail with an invitation was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "invitations::DeliveryFailure")]
pub(in crate::graphql) enum InvitationDeliveryFailure {
    /// The SMTP server has refused the mail.
    Refused,
    /// The SMTP server could not be reached, or did not answer in time.
    Unavailable,
    /// The API has ended before it knew whether the mail was sent.
    Interrupted,
}

/// Invitation of a person to the tenant, without its token.
pub(in crate::graphql) struct Invitation(pub(in crate::graphql) invitations::Invitation);

/// Invitation of a person to the tenant, without its token.
#[Object]
impl Invitation {
    /// Global ID of the invitation.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Invitation.encode(self.0.id)
    }

    /// Global ID of the user that the person becomes; it has the roles.
    async fn user_id(&self) -> ID {
        Kind::User.encode(self.0.user_id)
    }

    /// User that the person becomes; it has the roles. Requires the permission `user.read`.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        lookup::user(ctx, self.0.user_id).await
    }

    /// Email address of the person.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// Email address of whoever has invited the person.
    async fn invited_by(&self) -> &str {
        &self.0.invited_by
    }

    /// Time after which the invitation is void: 7 days after its creation.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// Time at which the person has accepted the invitation. Null if it was not accepted.
    async fn accepted_at(&self) -> Option<DateTime> {
        self.0.accepted_at.map(Into::into)
    }

    /// State of the mail with the invitation.
    async fn delivery(&self) -> InvitationDelivery {
        self.mail().delivery.into()
    }

    /// Time at which the mail was sent, or failed. Null in the other states.
    async fn delivery_at(&self) -> Option<DateTime> {
        self.mail().at.map(Into::into)
    }

    /// Reason why the mail was not sent. Null unless `delivery` is `FAILED`.
    async fn delivery_failure(&self) -> Option<InvitationDeliveryFailure> {
        self.mail().failure.map(Into::into)
    }

    /// Time at which the invitation was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

impl Invitation {
    fn mail(&self) -> invitations::Mail {
        self.0.mail(telemetry::clock::now())
    }

    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &invitations::Invitation) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
