//! Brings the schema to the newest version, and the roles to life.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, migrate::Migrator};
use telemetry::clock;

use super::{Urls, roles};

/// The migrations, as they were when this binary was built.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Held by whoever migrates; the number is "smb" in ASCII.
const LOCK: i64 = 0x73_6d_62;
/// A database that is being started beside us needs a while.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers, or the login is refused.
    #[error("failed to connect to the database as its owner")]
    Connect(#[source] sqlx::Error),
    /// The lock that keeps replicas from migrating at once.
    #[error("failed to take or release the migration lock")]
    Lock(#[source] sqlx::Error),
    /// A migration failed, or the database is newer than this binary.
    #[error("failed to migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The roles of the running process cannot log in.
    #[error("failed to let the database roles log in")]
    Roles(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Migrates, and where `derived_logins_of` is the owner's URL, lets the derived logins in. Replicas that start at
/// once wait for each other.
///
/// # Errors
/// The database does not answer within a minute, or refuses.
pub async fn migrate(urls: &Urls, derived_logins_of: Option<&str>) -> Result<(), Error> {
    let mut owner = connect(urls).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut owner).await.map_err(Error::Lock)?;
    MIGRATOR.run(&mut owner).await?;
    if let Some(url) = derived_logins_of {
        roles::enable_logins(&mut owner, url).await.map_err(Error::Roles)?;
    }
    // Ends the session, and with it the lock.
    owner.close().await.map_err(Error::Lock)
}

async fn connect(urls: &Urls) -> Result<PgConnection, Error> {
    let deadline = clock::now() + PATIENCE;
    loop {
        match urls.connect_owner().await {
            Err(sqlx::Error::Io(error)) if clock::now() < deadline => {
                tracing::info!(%error, "waiting for the database");
                tokio::time::sleep(PAUSE).await;
            }
            other => return other.map_err(Error::Connect),
        }
    }
}
