//! The two database roles of the running process and their logins.
//!
//! If no URL is configured for a role, its password is derived from the owner's by HMAC, so that every
//! replica computes the same one and no further secret is needed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use url::Url;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Database role of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Serves requests, one tenant at a time.
    App,
    /// Writes the projection of Kubernetes.
    Mirror,
}

impl Role {
    /// Returns the name of the role in Postgres.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "smb_app",
            Self::Mirror => "smb_mirror",
        }
    }

    /// Returns the statement with which a session assumes the role.
    pub(super) fn assume(self) -> &'static str {
        match self {
            Self::App => "set role smb_app",
            Self::Mirror => "set role smb_mirror",
        }
    }

    /// Returns the options of the role's login, with the password derived from the owner's. If the owner has
    /// no password (trust or peer authentication, as on a developer's machine), returns the options of the
    /// owner's login.
    pub(super) fn login_options(self, owner_url: &str) -> Result<PgConnectOptions, BoxError> {
        let owner: PgConnectOptions = owner_url.parse()?;
        Ok(match self.password(&Url::parse(owner_url)?)? {
            Some(password) => owner.username(self.name()).password(&password),
            None => owner,
        })
    }

    fn password(self, owner_url: &Url) -> Result<Option<String>, BoxError> {
        let Some(secret) = owner_url.password() else { return Ok(None) };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(self.name().as_bytes());
        Ok(Some(hex::encode(mac.finalize().into_bytes())))
    }
}

/// Sets the passwords that [`Role::login_options`] derives and enables the logins of the roles, unless they
/// already work.
///
/// # Errors
/// Returns an error if the owner may not change roles, or if a URL does not parse.
pub(super) async fn enable_logins(owner: &mut PgConnection, owner_url: &str) -> Result<(), BoxError> {
    let url = Url::parse(owner_url)?;
    for role in [Role::App, Role::Mirror] {
        let Some(password) = role.password(&url)? else { continue };
        if login_works(role, owner_url).await? {
            continue;
        }
        // No injection is possible: the name is fixed, and the password consists of hexadecimal digits.
        let statement = format!("alter role {} login password '{password}'", role.name());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *owner).await?;
    }
    Ok(())
}

async fn login_works(role: Role, owner_url: &str) -> Result<bool, BoxError> {
    match PgConnection::connect_with(&role.login_options(owner_url)?).await {
        Ok(connection) => {
            connection.close().await?;
            Ok(true)
        }
        // SQLSTATE 28000 and 28P01: the role may not log in, or the password is wrong.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code.starts_with("28")) => {
            Ok(false)
        }
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each role has a password of its own, from which the owner's cannot be derived.
    #[test]
    fn each_role_has_its_own_password() {
        let url = Url::parse("postgres://owner:s3cret@db/smb").unwrap();
        let app = Role::App.password(&url).unwrap().unwrap();
        let mirror = Role::Mirror.password(&url).unwrap().unwrap();
        assert_eq!(app.len(), 64);
        assert_ne!(app, mirror);
        assert!(!app.contains("s3cret"));
    }

    /// A database without passwords, as on a developer's machine, can be used.
    #[test]
    fn without_a_password_the_login_of_the_owner_is_used() {
        let options = Role::App.login_options("postgres://owner@db/smb").unwrap();
        assert_eq!(options.get_username(), "owner");
    }
}
