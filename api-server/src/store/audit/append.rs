//! Adding rows. The functions of the database assign position, time and hash.

use serde_json::Value;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use uuid::Uuid;

use crate::{
    auth::Origin,
    db::{AppPool, BeginError, Json, MirrorPool, TenantConnection},
    store::Error,
};

/// Kind of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActorKind {
    /// User of a tenant.
    User,
    /// Administrator of the platform.
    PlatformUser,
    /// The api-server itself.
    System,
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Kind of the actor.
    pub kind: ActorKind,
    /// Issuer of the token.
    pub issuer: Option<String>,
    /// Identifier that the issuer has chosen, or the name of a job of the api-server.
    pub subject: Option<String>,
    /// Email address.
    pub email: Option<String>,
    /// Names of the roles in the token.
    pub roles: Vec<String>,
}

/// Operation that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIntent<'a> {
    /// Tenant, or [`super::PLATFORM_CHAIN`].
    pub chain: Uuid,
    /// Identifies the operation.
    pub id: Uuid,
    /// Entry of `operations.yaml`, or the name of a job.
    pub operation: &'a str,
    /// Permission that the operation requires, or the name of a job.
    pub action: &'a str,
    /// Who does it.
    pub actor: &'a Actor,
    /// From where.
    pub origin: &'a Origin,
    /// Time after which the operation counts as interrupted if it has no outcome, in seconds.
    pub open_seconds: i32,
}

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// It was not done, because the request does not permit it.
    Refused,
    /// It was not done, because of a failure.
    Failed,
    /// It is not known whether it was done.
    Unknown,
}

/// Object that an operation concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `TENANT`, `WORKFLOW` or `WORKFLOW_RUN`.
    pub kind: &'static str,
    /// ID of its row, if it is known.
    pub id: Option<Uuid>,
    /// Name in Kubernetes.
    pub name: String,
}

/// End of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOutcome<'a> {
    /// Tenant, or [`super::PLATFORM_CHAIN`].
    pub chain: Uuid,
    /// Identifies the operation.
    pub id: Uuid,
    /// Outcome.
    pub outcome: Outcome,
    /// Code of the problem, if it did not succeed.
    pub code: Option<&'a str>,
    /// Object that it concerns.
    pub object: Option<&'a Object>,
    /// Changed fields; null if there are none.
    pub changes: Option<Value>,
}

/// Connections with which rows are added.
#[derive(Clone)]
pub enum Writer {
    /// Those of requests, of which each tenant has a part.
    Requests(AppPool),
    /// Those of jobs.
    Jobs(MirrorPool),
}

/// Connection of a [`Writer`] for one row.
pub struct Connection(Acquired);

enum Acquired {
    Request(TenantConnection),
    Job(PoolConnection<Postgres>),
}

impl Acquired {
    fn get(&mut self) -> &mut PgConnection {
        match self {
            Self::Request(connection) => connection.connection(),
            Self::Job(connection) => connection,
        }
    }
}

impl Writer {
    /// Takes a connection for a row of a chain.
    ///
    /// # Errors
    /// Returns an error if none is available in time.
    pub async fn connect(&self, chain: Uuid) -> Result<Connection, Error> {
        let acquired = match self {
            Self::Requests(pool) => Acquired::Request(pool.acquire(chain).await.map_err(from_begin)?),
            Self::Jobs(pool) => Acquired::Job(pool.inner().acquire().await.map_err(Error::Begin)?),
        };
        Ok(Connection(acquired))
    }

    /// Adds the row after an operation. Returns false, and adds none, if the operation has an outcome already.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database refuses the row.
    pub async fn end(&self, outcome: &NewOutcome<'_>) -> Result<bool, Error> {
        let NewOutcome { chain, id, outcome, code, object, changes } = outcome;
        let mut connection = self.connect(*chain).await?;
        sqlx::query_scalar!(
            r#"select end_audit_event($1, $2, $3, $4, $5, $6, $7, $8) as "ended!""#,
            *chain,
            *id,
            *outcome as _,
            *code,
            object.map(|object| object.kind),
            object.and_then(|object| object.id),
            object.map(|object| object.name.as_str()),
            changes.clone().map(Json) as _
        )
        .fetch_one(connection.0.get())
        .await
        .map_err(Error::query("end an audit event"))
    }
}

impl Connection {
    /// Adds the row before an operation.
    ///
    /// # Errors
    /// Returns an error if the database refuses the row.
    pub async fn begin(mut self, intent: &NewIntent<'_>) -> Result<(), Error> {
        let NewIntent { chain, id, operation, action, actor, origin, open_seconds } = intent;
        let Actor { kind, issuer, subject, email, roles } = actor;
        let Origin { client_address, user_agent, request_id, traceparent, target } = origin;
        let client_address = client_address.map(|address| address.to_string());
        sqlx::query_scalar!(
            r#"select begin_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)::text"#,
            *chain,
            *id,
            *operation,
            *action,
            *kind as _,
            issuer.as_deref(),
            subject.as_deref(),
            email.as_deref(),
            Json(roles) as _,
            client_address,
            user_agent.as_deref(),
            request_id.as_deref(),
            traceparent.as_deref(),
            target.as_deref(),
            *open_seconds
        )
        .fetch_one(self.0.get())
        .await
        .map(drop)
        .map_err(Error::query("begin an audit event"))
    }
}

fn from_begin(error: BeginError) -> Error {
    match error {
        BeginError::Exhausted(exhausted) => Error::Exhausted(exhausted),
        BeginError::Database(source) => Error::Begin(source),
    }
}
