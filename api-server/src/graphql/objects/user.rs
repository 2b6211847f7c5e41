//! The type `User`.

use async_graphql::{Enum, ID, Object};

use crate::{
    graphql::{global_id::Kind, scalars::DateTime},
    store,
};

/// Status of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "store::UserStatus")]
pub(in crate::graphql) enum UserStatus {
    /// The user has never logged in.
    Invited,
    /// The user can log in.
    Active,
    /// The tokens of the user are refused.
    Deactivated,
}

/// Person who uses the platform for a tenant.
pub(in crate::graphql) struct User(pub(in crate::graphql) store::User);

/// Person who uses the platform for a tenant.
#[Object]
impl User {
    /// Global ID of the user.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::User.encode(self.0.id)
    }

    /// Email address, as it was written. Addresses that differ in case or in the Unicode form of their characters are the same.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// Full name of the user.
    async fn display_name(&self) -> Option<&str> {
        self.0.display_name.as_deref()
    }

    /// Status of the user.
    async fn status(&self) -> UserStatus {
        self.0.status.into()
    }

    /// URL of a picture of the user with the scheme https, or the path of the REST API to an uploaded picture.
    async fn picture_url(&self) -> Option<&str> {
        self.0.picture_url.as_deref()
    }

    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    async fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// Version of the user; every change of it or of its roles increments the version.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// Time at which the user was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the user or of its roles.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl User {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::User) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
