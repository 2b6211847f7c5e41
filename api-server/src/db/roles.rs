//! The two roles of the running process, and how they log in.
//!
//! Where the operator gives no URL for a role, its password is derived from the owner's by HMAC, so that every
//! replica comes to the same one and no further secret has to be kept.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use url::Url;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a session of the process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Serves requests, one tenant at a time.
    App,
    /// Writes the projection of Kubernetes.
    Mirror,
}

impl Role {
    /// Its name in Postgres.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "smb_app",
            Self::Mirror => "smb_mirror",
        }
    }

    /// The statement by which a session works in this role from its first query on.
    pub(super) fn assume(self) -> &'static str {
        match self {
            Self::App => "set role smb_app",
            Self::Mirror => "set role smb_mirror",
        }
    }

    /// The role's own login at the owner's database; or the owner's login, where that has no password to derive
    /// another from (trust or peer authentication: a developer's machine).
    pub(super) fn derived_from(self, owner_url: &str) -> Result<PgConnectOptions, BoxError> {
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

/// Lets the roles log in with the passwords that [`Role::derived_from`] comes to, where they have none yet or others.
///
/// # Errors
/// The owner may not change roles, or a URL does not parse.
pub(super) async fn enable_logins(owner: &mut PgConnection, owner_url: &str) -> Result<(), BoxError> {
    let url = Url::parse(owner_url)?;
    for role in [Role::App, Role::Mirror] {
        let Some(password) = role.password(&url)? else { continue };
        if login_works(role, owner_url).await? {
            continue;
        }
        // Both parts are ours: a fixed name, and hexadecimal digits.
        let statement = format!("alter role {} login password '{password}'", role.name());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *owner).await?;
    }
    Ok(())
}

async fn login_works(role: Role, owner_url: &str) -> Result<bool, BoxError> {
    match PgConnection::connect_with(&role.derived_from(owner_url)?).await {
        Ok(connection) => {
            connection.close().await?;
            Ok(true)
        }
        // 28000 and 28P01: may not log in, wrong password.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code.starts_with("28")) => {
            Ok(false)
        }
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The serving process could be told from its password what the owner's is, or the two roles share one.
    #[test]
    fn each_role_has_its_own_password_and_not_the_owners() {
        let url = Url::parse("postgres://owner:s3cret@db/smb").unwrap();
        let app = Role::App.password(&url).unwrap().unwrap();
        let mirror = Role::Mirror.password(&url).unwrap().unwrap();
        assert_eq!(app.len(), 64);
        assert_ne!(app, mirror);
        assert!(!app.contains("s3cret"));
    }

    /// A developer's database without passwords cannot be used at all.
    #[test]
    fn without_a_password_the_owner_logs_in_for_the_role() {
        let options = Role::App.derived_from("postgres://owner@db/smb").unwrap();
        assert_eq!(options.get_username(), "owner");
    }
}
