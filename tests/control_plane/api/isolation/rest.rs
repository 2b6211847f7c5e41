//! Every operation of the REST API, as `openapi.yaml` lists them.

use std::fmt::Write as _;

use anyhow::{Context as _, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{api::ApiResponse, docs::section};

use super::{
    PAGE,
    parties::{self, Kind, MISSING, NAME, Party},
};
use crate::api::server::Server;

const OPENAPI: &str = include_str!("../../../../api-server/openapi.yaml");
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Headers of a change of any state of an object.
const PATCH_HEADERS: [(&str, &str); 2] =
    [("content-type", "application/merge-patch+json"), ("if-match", "*")];
/// Operations that write without naming an object: they change the caller's tenant, or create an object in it.
const WRITES_WITHOUT_ID: [&str; 14] = [
    "POST /v1/tenants",
    "PATCH /v1/tenant",
    "POST /v1/workflows",
    "POST /v1/users",
    "POST /v1/service-accounts",
    "POST /v1/api-keys",
    "POST /v1/invitations",
    "POST /v1/roles",
    "POST /v1/policies",
    "POST /v1/documents",
    // A search, and the checks of rights write nothing.
    "POST /v1/searches",
    "POST /v1/authorization/checks",
    "POST /v1/authorization/explanations",
    "POST /v1/authorization/simulations",
];
/// Role that is given to a user and taken again.
const ROLE: &str = "member";

/// An operation of the API.
struct Operation {
    method: Method,
    /// Path with its parameters, such as `/v1/workflows/{id}`.
    path: String,
}

fn operations() -> anyhow::Result<Vec<Operation>> {
    let document: Value = serde_yaml::from_str(OPENAPI)?;
    let paths = document.get("paths").and_then(Value::as_object).context("openapi.yaml has no paths")?;
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for method in METHODS.iter().filter(|method| methods.get(method).is_some()) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            operations.push(Operation { method, path: path.clone() });
        }
    }
    Ok(operations)
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the kind of object that the path names; `None` if it names none.
    fn kind(&self) -> anyhow::Result<Option<Kind>> {
        let Some((collection, action)) = self.path.split_once("/{id}") else { return Ok(None) };
        Ok(Some(match (collection, action) {
            ("/v1/tenants", _) => Kind::Tenant,
            ("/v1/workflows", _) => Kind::Workflow,
            ("/v1/workflow-runs", "/cancellation" | "/decisions") => Kind::QueuedRun,
            // The deletion of an unfinished run is refused: the other operations still need the runs.
            ("/v1/workflow-runs", "") if self.method == Method::DELETE => Kind::QueuedRun,
            ("/v1/workflow-runs", _) => Kind::FinishedRun,
            ("/v1/users", "") if self.method == Method::DELETE => Kind::DeletedUser,
            ("/v1/users", _) => Kind::User,
            ("/v1/service-accounts", "") if self.method == Method::DELETE => Kind::DeletedServiceAccount,
            ("/v1/service-accounts", _) => Kind::ServiceAccount,
            ("/v1/api-keys", "") if self.method == Method::DELETE => Kind::DeletedApiKey,
            ("/v1/api-keys", _) => Kind::ApiKey,
            ("/v1/invitations", "") if self.method == Method::DELETE => Kind::DeletedInvitation,
            ("/v1/invitations", _) => Kind::Invitation,
            ("/v1/roles", "") if self.method == Method::DELETE => Kind::DeletedRole,
            ("/v1/roles", _) => Kind::Role,
            ("/v1/policies", "") if self.method == Method::DELETE => Kind::DeletedPolicy,
            ("/v1/policies", _) => Kind::Policy,
            ("/v1/documents", "") if self.method == Method::DELETE => Kind::DeletedDocument,
            ("/v1/documents", _) => Kind::Document,
            _ => bail!("no test knows whose objects {} names", self.name()),
        }))
    }

    /// Returns a valid body.
    fn body(&self) -> Value {
        match self.path.rsplit('/').next() {
            Some("cancellation") => json!({"mode": "NOW"}),
            Some("decisions") => json!({"key": "shape", "approved": true}),
            Some("runs") => json!({"input": {"total": 1}}),
            _ => json!({}),
        }
    }

    async fn send(&self, server: &Server, token: &str, id: &str) -> anyhow::Result<ApiResponse> {
        let path = self.path.replace("{id}", id).replace("{name}", NAME).replace("{roleId}", ROLE);
        if self.method == Method::PUT && path.ends_with("/picture") {
            return parties::upload(server, token, &path).await;
        }
        if self.method == Method::PATCH {
            return server.send_with(token, Method::PATCH, &path, &PATCH_HEADERS, &self.body()).await;
        }
        server.send_as(token, self.method.clone(), &path, &self.body()).await
    }
}

/// Returns a response without what differs between two equal requests.
fn comparable(response: &ApiResponse) -> (u16, Value) {
    let mut body = response.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| name != "requestId" && name != "instance");
    }
    (response.status, body)
}

/// Sends an operation on an object of each tenant as each other tenant. The responses are those for an object that does not exist.
async fn is_refused(
    server: &Server,
    parties: &[Party],
    operation: &Operation,
    kind: Kind,
) -> anyhow::Result<u16> {
    let mut status = 0;
    for attacker in parties {
        let missing = comparable(&operation.send(server, &attacker.token, MISSING).await?);
        for victim in parties.iter().filter(|victim| victim.slug != attacker.slug) {
            let response = operation.send(server, &attacker.token, victim.id(kind)).await?;
            ensure!(
                comparable(&response) == missing && matches!(response.status, 403 | 404),
                "{}: an object of another tenant is answered with {response:?}, a missing one with {missing:?}",
                operation.name()
            );
            status = response.status;
        }
    }
    Ok(status)
}

/// Sends an operation as the owner of the object, or, if it is closed to all tenants, as an administrator of the platform. Returns who
/// finds the object.
async fn found_by(
    server: &Server,
    parties: &[Party],
    operation: &Operation,
    kind: Kind,
) -> anyhow::Result<&'static str> {
    let platform = server.issuer().platform_token()?;
    let mut found_by = "nobody";
    for party in parties {
        let own = operation.send(server, &party.token, party.id(kind)).await?;
        let (who, response) = match own.status {
            403 => ("platform", operation.send(server, &platform, party.id(kind)).await?),
            _ => ("owner", own),
        };
        ensure!(
            !matches!(response.status, 401 | 403 | 404 | 500..),
            "{} as the {who}: {response:?}",
            operation.name()
        );
        found_by = who;
    }
    Ok(found_by)
}

/// Sends a bulk operation on runs of each tenant as each other tenant. The results are those for runs that do not exist.
async fn bulk_is_refused(server: &Server, parties: &[Party], operation: &Operation) -> anyhow::Result<u16> {
    let mut status = 0;
    for attacker in parties {
        for victim in parties.iter().filter(|victim| victim.slug != attacker.slug) {
            let runs = [victim.id(Kind::FinishedRun), victim.id(Kind::QueuedRun), MISSING];
            let body = match operation.path.ends_with("cancellations") {
                true => json!({"runs": runs, "mode": "NOW"}),
                false => json!({"runs": runs}),
            };
            let (method, path) = (operation.method.clone(), operation.path.as_str());
            let response = server.send_as(&attacker.token, method, path, &body).await?;
            let results = response.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            let outcome = |result: &Value| json!([result["status"], result["run"], result["problem"]]);
            let outcomes: Vec<_> = results.iter().map(outcome).collect();
            let missing = outcomes.last().context("no results")?;
            ensure!(
                outcomes.len() == runs.len() && outcomes.iter().all(|outcome| outcome == missing),
                "{}: runs of another tenant are answered with {response:?}",
                operation.name()
            );
            let of_missing = results.last().and_then(|result| result["status"].as_u64());
            status = of_missing.and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
            ensure!(status == 404, "{}: {response:?}", operation.name());
        }
    }
    Ok(status)
}

/// Removes the addresses of requests from a list of audit events: this test itself sends the IDs of other tenants in them.
fn remove_own_requests(body: &mut Value) {
    for event in body.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(request) = event.get_mut("request").and_then(Value::as_object_mut) {
            request.remove("target");
        }
    }
}

/// Sends an operation that names no object as each tenant. The response contains nothing of another tenant.
async fn shows_nothing(server: &Server, parties: &[Party], operation: &Operation) -> anyhow::Result<u16> {
    let is_known = operation.method == Method::GET || WRITES_WITHOUT_ID.contains(&operation.name().as_str());
    ensure!(is_known, "no test knows what {} changes", operation.name());
    let mut status = 0;
    for party in parties {
        let mut response = operation.send(server, &party.token, MISSING).await?;
        remove_own_requests(&mut response.body);
        let text = response.body.to_string();
        for other in parties.iter().filter(|other| other.slug != party.slug) {
            let found = other.secrets().find(|secret| text.contains(secret));
            ensure!(found.is_none(), "{} shows {found:?} to {}: {text}", operation.name(), party.slug);
        }
        status = response.status;
    }
    Ok(status)
}

/// No operation of the REST API reads or changes an object of another tenant, or tells that it exists, whatever roles a user has.
/// The owner can do each of them. Operations without an id return nothing of another tenant.
#[tokio::test]
async fn no_operation_of_rest_reaches_objects_of_another_tenant() -> anyhow::Result<()> {
    let (server, parties) = parties::start().await?;
    let mut with_id = String::from("| operation | another tenant | found by |\n| --- | --- | --- |\n");
    let mut without_id = String::from("\n| operation without an id | of another tenant |\n| --- | --- |\n");
    for operation in operations()? {
        let name = operation.name();
        match operation.kind()? {
            Some(kind) => {
                let refused = is_refused(&server, &parties, &operation, kind).await?;
                let found_by = found_by(&server, &parties, &operation, kind).await?;
                let _ = writeln!(with_id, "| `{name}` | {refused} | {found_by} |");
            }
            None if operation.path.starts_with("/v1/workflow-run-") => {
                let status = bulk_is_refused(&server, &parties, &operation).await?;
                let _ = writeln!(without_id, "| `{name}` | nothing ({status}) |");
            }
            None => {
                let status = shows_nothing(&server, &parties, &operation).await?;
                let _ = writeln!(without_id, "| `{name}` | nothing ({status}) |");
            }
        }
    }
    // The lists are not empty for everybody.
    for list in ["/v1/workflows", "/v1/workflow-runs"] {
        let response = server.send_as(&parties[0].token, Method::GET, list, &Value::Null).await?;
        let own = parties[0].id(if list.ends_with("runs") { Kind::QueuedRun } else { Kind::Workflow });
        ensure!(
            response.body.to_string().contains(own),
            "{list} does not show the own objects: {response:?}"
        );
    }
    section::check(PAGE, "rest", &(with_id + &without_id))
}
