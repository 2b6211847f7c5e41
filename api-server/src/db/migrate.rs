//! Migrates the schema to the newest version and enables the logins of the roles.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use sqlx::{Connection as _, PgConnection, migrate::Migrator};

use super::{Urls, roles};

/// Migrations that are embedded in this binary.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Key of the advisory lock that is held while migrating; the number is "smb" in ASCII.
const LOCK: i64 = 0x73_6d_62;
/// Number of retries if the database cannot be reached: a database that starts at the same time needs up to a
/// minute.
const MAX_CONNECT_RETRIES: usize = 60;
const CONNECT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The database cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or refuses the login.
    #[error("failed to connect to the database as its owner")]
    Connect(#[source] sqlx::Error),
    /// The lock that prevents replicas from migrating concurrently cannot be taken or released.
    #[error("failed to take or release the migration lock")]
    Lock(#[source] sqlx::Error),
    /// A migration failed, or the database is newer than this binary.
    #[error("failed to migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The logins of the roles cannot be enabled.
    #[error("failed to enable the logins of the database roles")]
    Roles(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Migrates the schema. If `derived_logins_of` is the URL of the owner, also enables the logins of the roles
/// with the passwords derived from it. Replicas that start at the same time wait for each other.
///
/// # Errors
/// Returns an error if the database cannot be reached within a minute, or refuses a statement.
pub async fn migrate(urls: &Urls, derived_logins_of: Option<&str>) -> Result<(), Error> {
    let mut owner = connect(urls).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut owner).await.map_err(Error::Lock)?;
    MIGRATOR.run(&mut owner).await?;
    if let Some(url) = derived_logins_of {
        roles::enable_logins(&mut owner, url).await.map_err(Error::Roles)?;
    }
    // Closing the session also releases the lock.
    owner.close().await.map_err(Error::Lock)
}

async fn connect(urls: &Urls) -> Result<PgConnection, Error> {
    let delays =
        ConstantBuilder::default().with_delay(CONNECT_RETRY_DELAY).with_max_times(MAX_CONNECT_RETRIES);
    (|| urls.connect_owner())
        .retry(delays)
        .when(is_temporary)
        .notify(|error, _| tracing::info!(%error, "the database cannot be reached yet; the connection is retried"))
        .await
        .map_err(Error::Connect)
}

/// Returns whether a database that starts, recovers or stops is the cause of an error. Such a server accepts connections
/// and answers them with a code of the class `57P`, such as `cannot_connect_now`.
fn is_temporary(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers the next connection with an error, as a server that does not accept logins does.
    async fn refuse(listener: &TcpListener, code: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        let fields = format!("SFATAL\0VFATAL\0C{code}\0Mrefused\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap();
        stream.write_all(&[&b"E"[..], &length.to_be_bytes(), fields.as_bytes()].concat()).await.unwrap();
    }

    /// A database that is starting up is connected to once it accepts logins; a refused login is not retried.
    #[tokio::test]
    async fn a_database_that_starts_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://owner@{}/smb?sslmode=disable", listener.local_addr().unwrap());
        let urls = Urls::new(&url, None, None).unwrap();
        let server = async {
            refuse(&listener, "57P03").await;
            refuse(&listener, "28P01").await;
        };
        let (connected, ()) = tokio::join!(connect(&urls), server);
        let Err(Error::Connect(sqlx::Error::Database(error))) = connected else { panic!("{connected:?}") };
        assert_eq!(error.code().as_deref(), Some("28P01"));
    }
}
