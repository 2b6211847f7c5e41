//! Who may call what: every operation of REST and GraphQL, sent by every caller with an own, a foreign and a missing object, is answered
//! as `docs/security/access.md` says. A program in another language computes that page.
#![expect(clippy::print_stdout, reason = "the tests print how much they have tried")]

mod answers;
mod callers;
mod mutants;
mod objects;
mod page;
mod requests;
mod row_level_security;

use std::{collections::BTreeSet, process::Command};

use axum::Router;
use domain::permission::{PLATFORM_ROLES, TENANT_ROLES};
use sqlx::PgPool;

use self::{
    answers::{Class, class},
    callers::Caller,
    objects::Which,
    page::Row,
    requests::Requests,
};
use super::testing::{Server, send};
use crate::auth::Operations;

/// Operations after which deleted objects are created again.
const DELETIONS: [&str; 6] = [
    "DELETE /v1/invitations/{id}",
    "DELETE /v1/api-keys/{id}",
    "DELETE /v1/service-accounts/{id}",
    "Mutation.revokeInvitation",
    "Mutation.revokeApiKey",
    "Mutation.deleteServiceAccount",
];

/// The program that computes the page.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/access/access.py");

/// Requests of all operations and the server that answers them.
struct Matrix {
    server: Server,
    owner: PgPool,
    requests: Requests,
    rows: Vec<Row>,
}

impl Matrix {
    async fn start(owner: PgPool) -> Self {
        let server = Server::start(&owner).await;
        server.add_users(&owner).await;
        objects::create(&server, &owner).await;
        Self { server, owner, requests: Requests::load(), rows: page::rows() }
    }

    /// Sends an operation as a caller, and returns the class of the answer.
    async fn send(&self, router: &Router, operation: &str, token: Option<&str>, which: Which) -> Class {
        let request = self.requests.prepare(operation, which).request(token);
        let answer = send(router, request).await;
        if DELETIONS.contains(&operation) {
            objects::restore(&self.owner).await;
        }
        class(operation, &answer)
    }
}

/// Returns what is wrong with an answer; `None` if it is as expected.
fn difference(row: &Row, caller: &Caller, which: Which, found: &Class) -> Option<String> {
    let expected = row.answer(caller.name, which);
    let names_permission = |permission: &&str| found.message.contains(permission);
    let lacks_permission = expected == "403" && row.requires[0].contains('.') && caller.name != "deactivated";
    let mut required = row.requires.iter();
    let is_named = match caller.name {
        "all but it" => required.next_back().is_some_and(names_permission),
        _ => required.any(names_permission),
    };
    let is_right = found.name == expected && (!lacks_permission || is_named);
    let Row { operation, requires, .. } = row;
    (!is_right).then(|| {
        format!(
            "{operation} as {}, {which:?}: expected {expected} {requires:?}, found {found:?}",
            caller.name
        )
    })
}

/// Every operation is answered as the reference says, to each caller, about an own, a foreign and a missing object; and a refusal
/// names the permission that is missing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_caller_gets_the_expected_answer(pool: PgPool) {
    let matrix = Matrix::start(pool).await;
    let callers = callers::create(&matrix.server, &matrix.owner).await;
    let names: Vec<_> = callers.iter().map(|caller| caller.name).collect();
    let router = matrix.server.router();
    let (mut differences, mut count) = (Vec::new(), 0);
    for caller in &callers {
        callers::set_state(&matrix.owner, caller.state).await;
        for row in &matrix.rows {
            assert_eq!(row.callers().collect::<Vec<_>>(), names, "the columns of the page");
            let objects: &[Which] = match caller.has_role && row.names_object() {
                true => &[Which::Own, Which::Foreign, Which::Missing],
                // The object belongs to acme, which is another tenant for one of these callers.
                false => &[Which::Own],
            };
            for which in objects {
                let found = matrix.send(&router, row.operation, caller.token(row), *which).await;
                differences.extend(difference(row, caller, *which, &found));
                count += 1;
            }
        }
    }
    println!("{count} requests of {} operations by {} callers", matrix.rows.len(), callers.len());
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Each role has the permissions of the reference, and no others.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_role_has_the_expected_permissions(pool: PgPool) {
    let server = Server::start(&pool).await;
    let mut roles = Vec::new();
    for (role, expected) in page::roles() {
        let expected: BTreeSet<_> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(permissions(&server, role).await, expected, "{role}");
        roles.push(role);
    }
    assert_eq!(roles, [TENANT_ROLES, PLATFORM_ROLES].concat());
}

/// Returns the permissions of a user with a role.
async fn permissions(server: &Server, role: &str) -> BTreeSet<String> {
    let token = match PLATFORM_ROLES.contains(&role) {
        true => server.issuer.platform_token(role),
        false => server.issuer.token("acme", role),
    };
    let answer = server.with_token(&token, "/v1/me/permissions").await;
    serde_json::from_value(answer.body["permissions"].clone()).unwrap()
}

/// The page has every operation, and `requests.yaml` no other one.
#[test]
fn the_page_has_every_operation() {
    let operations: BTreeSet<_> =
        Operations::load().unwrap().all().into_iter().map(|(operation, _)| operation).collect();
    let rows: BTreeSet<_> = page::rows().iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(rows, operations, "execute python3 api-server/access/access.py");
    let unknown: Vec<_> =
        Requests::load().named().into_iter().filter(|operation| !operations.contains(operation)).collect();
    assert_eq!(unknown, [""; 0], "requests.yaml");
}

/// `docs/security/access.md` is what `access.py` computes from the table of operations.
#[test]
fn the_page_is_what_the_reference_computes() {
    let Ok(output) = Command::new("python3").args([REFERENCE, "--check"]).output() else {
        println!("not compared: this machine has no python3");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Operations of GraphQL and those of REST that do the same.
const EQUAL: [(&str, &str); 42] = [
    ("Query.tenant", "GET /v1/tenant"),
    ("Query.tenants", "GET /v1/tenants"),
    ("Query.plans", "GET /v1/plans"),
    ("Query.workflows", "GET /v1/workflows"),
    ("Query.workflow", "GET /v1/workflows/{id}"),
    ("Query.workflowRuns", "GET /v1/workflow-runs"),
    ("Query.workflowRun", "GET /v1/workflow-runs/{id}"),
    ("Query.workflowRevision", "GET /v1/workflows/{id}/revisions/{name}"),
    ("Query.events", "GET /v1/events"),
    ("Query.usage", "GET /v1/usage"),
    ("Query.auditEvents", "GET /v1/audit-events"),
    ("Query.platformAuditEvents", "GET /v1/platform/audit-events"),
    ("Query.users", "GET /v1/users"),
    ("Query.user", "GET /v1/users/{id}"),
    ("Query.viewer", "GET /v1/me"),
    ("Workflow.runs", "GET /v1/workflows/{id}/runs"),
    ("Workflow.revisions", "GET /v1/workflows/{id}/revisions"),
    ("WorkflowRun.logs", "GET /v1/workflow-runs/{id}/logs"),
    ("WorkflowRun.events", "GET /v1/workflow-runs/{id}/events"),
    ("Mutation.startWorkflowRun", "POST /v1/workflows/{id}/runs"),
    ("Mutation.cancelWorkflowRun", "PUT /v1/workflow-runs/{id}/cancellation"),
    ("Mutation.decideWorkflowRun", "POST /v1/workflow-runs/{id}/decisions"),
    ("Mutation.rerunWorkflowRun", "POST /v1/workflow-runs/{id}/reruns"),
    ("Mutation.deleteWorkflowRun", "DELETE /v1/workflow-runs/{id}"),
    ("Mutation.cancelWorkflowRuns", "POST /v1/workflow-run-cancellations"),
    ("Mutation.rerunWorkflowRuns", "POST /v1/workflow-run-reruns"),
    ("Mutation.deleteWorkflowRuns", "POST /v1/workflow-run-deletions"),
    ("Mutation.createWorkflow", "POST /v1/workflows"),
    ("Mutation.updateWorkflow", "PATCH /v1/workflows/{id}"),
    ("Mutation.archiveWorkflow", "PUT /v1/workflows/{id}/archive"),
    ("Mutation.unarchiveWorkflow", "DELETE /v1/workflows/{id}/archive"),
    ("Mutation.updateTenant", "PATCH /v1/tenant"),
    ("Mutation.createTenant", "POST /v1/tenants"),
    ("Mutation.updateAnyTenant", "PATCH /v1/tenants/{id}"),
    ("Mutation.suspendTenant", "PUT /v1/tenants/{id}/suspension"),
    ("Mutation.archiveTenant", "PUT /v1/tenants/{id}/archive"),
    ("Mutation.createUser", "POST /v1/users"),
    ("Mutation.updateUser", "PATCH /v1/users/{id}"),
    ("Mutation.deactivateUser", "PUT /v1/users/{id}/deactivation"),
    ("Mutation.deleteUser", "DELETE /v1/users/{id}"),
    ("Mutation.assignUserRole", "PUT /v1/users/{id}/roles/{roleId}"),
    ("Mutation.removeUserRole", "DELETE /v1/users/{id}/roles/{roleId}"),
];

/// REST and GraphQL permit the same: each caller gets the same answer from a field and from the operation of REST that does the same.
#[test]
fn rest_and_graphql_permit_the_same() {
    let rows = page::rows();
    let row = |name: &str| rows.iter().find(|row| row.operation == name).unwrap_or_else(|| panic!("{name}"));
    for (graphql, rest) in EQUAL {
        let (graphql, rest) = (row(graphql), row(rest));
        for caller in rest.callers() {
            // A field of an entity needs the permission to read the entity as well, which every caller with the other one has.
            assert_eq!(graphql.cell(caller), rest.cell(caller), "{} {caller}", graphql.operation);
        }
    }
}
