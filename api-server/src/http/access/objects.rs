//! The objects that the requests name: one of each kind in acme and in globex.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sqlx::{AssertSqlSafe, PgPool};

use crate::http::testing::{ACME, QUEUED_RUN, RUN, Server, WORKFLOW};

/// Name of the revision of the workflow of acme.
pub(super) const REVISION: &str = "invoice-aaa";
const MISSING: &str = "00000000-0000-4000-8000-00000000dead";
/// The suspended tenant `hooli`, whose state no other test request needs.
const HOOLI: &str = "a0000000-0000-4000-8000-000000000003";

/// The other tenant.
const GLOBEX: &str = "a0000000-0000-4000-8000-000000000002";

/// Kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tenant,
    Plan,
    Workflow,
    Revision,
    FinishedRun,
    QueuedRun,
    User,
    Invitation,
    ApiKey,
    ServiceAccount,
    Role,
    Policy,
    Document,
    Chunk,
}

/// Whose object a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// That of acme.
    Own,
    /// That of globex.
    Foreign,
    /// One that does not exist.
    Missing,
}

/// Returns the ID of an object.
pub(super) fn id(kind: Kind, which: Which) -> &'static str {
    let (own, foreign) = match kind {
        Kind::Tenant => (HOOLI, HOOLI),
        Kind::Plan => ("d0000000-0000-4000-8000-000000000001", "d0000000-0000-4000-8000-000000000001"),
        Kind::Workflow | Kind::Revision => (WORKFLOW, "b1000000-0000-4000-8000-000000000001"),
        Kind::FinishedRun => (RUN, "c2000000-0000-4000-8000-000000000001"),
        Kind::QueuedRun => (QUEUED_RUN, "c2000000-0000-4000-8000-000000000002"),
        Kind::User => ("41000000-0000-4000-8000-000000000001", "41000000-0000-4000-8000-000000000002"),
        Kind::Invitation => ("43000000-0000-4000-8000-000000000001", "43000000-0000-4000-8000-000000000002"),
        Kind::ApiKey => ("45000000-0000-4000-8000-000000000001", "45000000-0000-4000-8000-000000000002"),
        Kind::ServiceAccount => {
            ("44000000-0000-4000-8000-000000000001", "44000000-0000-4000-8000-000000000002")
        }
        Kind::Role => ("46000000-0000-4000-8000-000000000001", "46000000-0000-4000-8000-000000000002"),
        Kind::Policy => ("47000000-0000-4000-8000-000000000001", "47000000-0000-4000-8000-000000000002"),
        Kind::Document => ("48000000-0000-4000-8000-000000000001", "48000000-0000-4000-8000-000000000002"),
        Kind::Chunk => ("49000000-0000-4000-8000-000000000001", "49000000-0000-4000-8000-000000000002"),
    };
    match which {
        Which::Own => own,
        Which::Foreign => foreign,
        Which::Missing => MISSING,
    }
}

/// Returns the ID of an object in GraphQL.
pub(super) fn global_id(kind: Kind, which: Which) -> String {
    let id = id(kind, which);
    STANDARD.encode(match kind {
        Kind::Tenant => format!("Tenant:{id}"),
        Kind::Plan => format!("Plan:{id}"),
        Kind::Workflow => format!("Workflow:{id}"),
        Kind::Revision => format!("WorkflowRevision:{id}/{REVISION}"),
        Kind::FinishedRun | Kind::QueuedRun => format!("WorkflowRun:{id}"),
        Kind::User => format!("User:{id}"),
        Kind::Invitation => format!("Invitation:{id}"),
        Kind::ApiKey => format!("ApiKey:{id}"),
        Kind::ServiceAccount => format!("ServiceAccount:{id}"),
        Kind::Role => format!("Role:{id}"),
        Kind::Policy => format!("Policy:{id}"),
        Kind::Document => format!("Document:{id}"),
        Kind::Chunk => format!("SemanticChunk:{id}"),
    })
}

/// Creates the objects that the server of the tests does not have, and those that a request has deleted.
pub(super) async fn restore(owner: &PgPool) {
    sqlx::raw_sql(AssertSqlSafe(include_str!("objects.sql"))).execute(owner).await.unwrap();
}

/// Creates the objects in the fake of the Kubernetes API and in the database.
pub(super) async fn create(server: &Server, owner: &PgPool) {
    server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa")]);
    server.add_objects_of_globex().await;
    restore(owner).await;
    server.store_content(ACME, id(Kind::Document, Which::Own), b"acme").await;
    server.store_content(GLOBEX, id(Kind::Document, Which::Foreign), b"globex").await;
}
