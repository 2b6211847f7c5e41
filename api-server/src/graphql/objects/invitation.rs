//! The type `Invitation`.

use async_graphql::{Context, ID, Object, Result};

use super::User;
use crate::{
    graphql::{global_id::Kind, lookup, scalars::DateTime},
    store::{self, invitations},
};

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

    /// Time at which the invitation was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

impl Invitation {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &invitations::Invitation) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
