//! Every field of GraphQL that takes the id of an object, as the introspection of the schema lists them.

use std::fmt::Write as _;

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tests::docs::section;

use super::{
    PAGE,
    parties::{self, Kind, MISSING, Party},
};
use crate::api::server::Server;

const INTROSPECTION: &str = "{ __schema {
  queryType { fields { name type { ...T } args { name type { ...T } } } }
  mutationType { fields { name args { name type { ...T } } } }
  types { name kind possibleTypes { name } inputFields { name type { ...T } } }
} }
fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name kind } } } }";

/// A document that names an object by a variable.
struct Attempt {
    name: String,
    /// Kind of the object.
    kind: Kind,
    document: String,
    /// Input of a mutation.
    input: Option<Input>,
    /// Codes of the user errors for an object that does not exist.
    missing: &'static str,
}

/// Code of the user error for an object that does not exist.
const NOT_FOUND: &str = "NOT_FOUND";
/// Other arguments that fields of `Query` require.
const ARGUMENTS: [(&str, &str); 1] = [("explainAuthorization", "action: \"workflow.read\", ")];

/// Input of a mutation.
struct Input {
    /// Name of the field with the id.
    field: String,
    /// Whether the field is a list of ids.
    is_list: bool,
    /// Other fields.
    others: Value,
}

async fn execute(server: &Server, token: &str, document: &str, variables: Value) -> anyhow::Result<Value> {
    let body = json!({"query": document, "variables": variables});
    Ok(server.send_as(token, Method::POST, "/graphql", &body).await?.body)
}

fn list<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a Vec<Value>> {
    value.pointer(pointer).and_then(Value::as_array).with_context(|| format!("no {pointer} in {value}"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a type and the types that it modifies: `[ID!]!`, `[ID!]`, `ID!` and `ID`.
fn unwrapped(of: &Value) -> impl Iterator<Item = &Value> {
    std::iter::successors(Some(of), |of| of.get("ofType").filter(|of| !of.is_null()))
}

/// Returns the name of a type without its modifiers.
fn base(of: &Value) -> &str {
    unwrapped(of).find_map(|of| of.get("name").and_then(Value::as_str)).unwrap_or_default()
}

fn is_list(of: &Value) -> bool {
    unwrapped(of).any(|of| text(of, "kind") == "LIST")
}

fn kind_of_type(name: &str) -> Option<Kind> {
    match name {
        "Tenant" => Some(Kind::Tenant),
        "Workflow" => Some(Kind::Workflow),
        "WorkflowRun" => Some(Kind::FinishedRun),
        "User" => Some(Kind::User),
        "Role" => Some(Kind::Role),
        "Policy" => Some(Kind::Policy),
        "Invitation" => Some(Kind::Invitation),
        "ApiKey" => Some(Kind::ApiKey),
        "ServiceAccount" => Some(Kind::ServiceAccount),
        "Document" => Some(Kind::Document),
        // The explanation of a right for a workflow or a run.
        "AuthorizationExplanation" => Some(Kind::Workflow),
        _ => None,
    }
}

/// Returns the global id of an object.
fn global_id(kind: Kind, id: &str) -> String {
    let name = match kind {
        Kind::Tenant => "Tenant",
        Kind::Workflow => "Workflow",
        Kind::FinishedRun | Kind::QueuedRun => "WorkflowRun",
        Kind::User | Kind::DeletedUser => "User",
        Kind::ServiceAccount | Kind::DeletedServiceAccount => "ServiceAccount",
        Kind::ApiKey | Kind::DeletedApiKey => "ApiKey",
        Kind::Invitation | Kind::DeletedInvitation => "Invitation",
        Kind::Role | Kind::DeletedRole => "Role",
        Kind::Policy | Kind::DeletedPolicy => "Policy",
        Kind::Document | Kind::DeletedDocument => "Document",
    };
    STANDARD.encode(format!("{name}:{id}"))
}

/// Types without an object of each tenant in this test: plans belong to no tenant, and events are named by their number in the tenant
/// of the caller. `api-server/src/http/audit/tests.rs` tries audit events, `api-server/src/http/differential/revisions.rs` revisions, and
/// `api-server/src/http/access/mod.rs` chunks.
const OWNED_BY_NONE: [&str; 5] = ["Plan", "AuditEvent", "Event", "WorkflowRevision", "SemanticChunk"];

/// Returns a query for each field of `Query` that takes ids, and for those that return any type one for each kind of object.
fn queries(schema: &Value) -> anyhow::Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    for field in list(schema, "/queryType/fields")? {
        for argument in list(field, "/args")?.iter() {
            let (taken, of) = (base(&argument["type"]), base(&field["type"]));
            if !["ID", "_Any"].contains(&taken) {
                continue;
            }
            let types = match of {
                "Node" | "_Entity" => possible_types(schema, of)?,
                of => vec![of.to_owned()],
            };
            let (field, argument, is_list) =
                (text(field, "name"), text(argument, "name"), is_list(&argument["type"]));
            for name in types.iter().filter(|name| !OWNED_BY_NONE.contains(&name.as_str())) {
                let kind = kind_of_type(name).with_context(|| format!("no test knows whose a {name} is"))?;
                let object = match taken {
                    "_Any" => format!("{{__typename: \"{name}\", id: $id}}"),
                    _ => "$id".to_owned(),
                };
                let value = if is_list { format!("[{object}]") } else { object };
                let others =
                    ARGUMENTS.iter().find(|(name, _)| *name == field).map_or("", |(_, others)| others);
                attempts.push(Attempt {
                    name: format!("Query.{field}({argument}: {name})"),
                    kind,
                    document: format!(
                        "query($id: ID!) {{ found: {field}({others}{argument}: {value}) {{ __typename }} }}"
                    ),
                    input: None,
                    missing: NOT_FOUND,
                });
            }
        }
    }
    Ok(attempts)
}

fn possible_types(schema: &Value, name: &str) -> anyhow::Result<Vec<String>> {
    let types = list(schema, "/types")?;
    let found = types.iter().find(|it| text(it, "name") == name);
    let found = found.with_context(|| format!("the schema has no {name}"))?;
    Ok(list(found, "/possibleTypes")?.iter().map(|it| text(it, "name").to_owned()).collect())
}

/// Mutations of administrators of the platform, who belong to no tenant, with an input of each.
const PLATFORM: [&str; 6] =
    ["createTenant", "updateAnyTenant", "suspendTenant", "resumeTenant", "archiveTenant", "restoreTenant"];

/// Mutations that name no object: they change the caller's tenant, or create an object in it.
const WITHOUT_ID: [&str; 7] = [
    "createWorkflow",
    "updateTenant",
    "createUser",
    "createPolicy",
    "createInvitation",
    "createServiceAccount",
    "createDocument",
];

/// Returns the kind of object that the field `id` of the input of a mutation names, and the other fields of the input.
fn input_of(name: &str, id: &str) -> anyhow::Result<(Kind, Value)> {
    Ok(match (id, name) {
        ("workflowId", "updateWorkflow") => (Kind::Workflow, json!({"generation": 1})),
        ("workflowId", _) => (Kind::Workflow, json!({})),
        (_, "cancelWorkflowRun" | "cancelWorkflowRuns") => (Kind::QueuedRun, json!({"mode": "NOW"})),
        (_, "decideWorkflowRun") => (Kind::QueuedRun, json!({"key": "shape", "approved": true})),
        (_, "rerunWorkflowRun" | "rerunWorkflowRuns") => (Kind::FinishedRun, json!({})),
        // The owner finds a run that has not finished, and may not delete it.
        (_, "deleteWorkflowRun" | "deleteWorkflowRuns") => (Kind::QueuedRun, json!({})),
        (_, "createRole") => (Kind::Policy, json!({"name": "third"})),
        (_, "createApiKey") => (Kind::ServiceAccount, json!({"name": "third", "scopes": ["workflow.read"]})),
        (_, "updateRole") => (Kind::Role, json!({"version": 1})),
        (_, "deleteRole") => (Kind::DeletedRole, json!({})),
        (_, "updatePolicy") => (Kind::Policy, json!({"version": 1})),
        (_, "deletePolicy") => (Kind::DeletedPolicy, json!({})),
        (_, "updateDocument" | "processDocument") => (Kind::Document, json!({})),
        (_, "deleteDocument") => (Kind::DeletedDocument, json!({})),
        (_, "revokeInvitation") => (Kind::DeletedInvitation, json!({})),
        (_, "rotateApiKey") => (Kind::ApiKey, json!({})),
        (_, "revokeApiKey") => (Kind::DeletedApiKey, json!({})),
        (_, "deleteServiceAccount") => (Kind::DeletedServiceAccount, json!({})),
        (_, "deleteUser") => (Kind::DeletedUser, json!({})),
        (_, "assignUserRole" | "removeUserRole") => (Kind::User, json!({"roleId": "member"})),
        ("userId", _) => (Kind::User, json!({})),
        _ => bail!("no test knows the input of {name}"),
    })
}

/// Returns a mutation for each field of `Mutation` that names an object, by name.
fn mutations(schema: &Value) -> anyhow::Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    for field in list(schema, "/mutationType/fields")? {
        let name = text(field, "name");
        if PLATFORM.contains(&name) {
            continue;
        }
        let input = base(list(field, "/args")?.first().map_or(&Value::Null, |argument| &argument["type"]));
        let found = list(schema, "/types")?.iter().find(|it| text(it, "name") == input);
        let fields = list(found.context("a mutation without an input")?, "/inputFields")?;
        let ids: Vec<_> = fields.iter().filter(|field| base(&field["type"]) == "ID").collect();
        if ids.is_empty() && WITHOUT_ID.contains(&name) {
            continue;
        }
        // `updateRole` names the role, and its policies as `createRole` does.
        let ids: Vec<_> =
            ids.into_iter().filter(|id| (name, text(id, "name")) != ("updateRole", "policies")).collect();
        let [id] = ids.as_slice() else { bail!("no test knows whose objects {name} names: {ids:?}") };
        let is_list = is_list(&id["type"]);
        let id = text(id, "name");
        let (kind, others) = input_of(name, id)?;
        // Creations name other objects in a field of their own.
        let missing = match name {
            "createRole" => "UNKNOWN_POLICY",
            "createApiKey" => "INVALID",
            _ => NOT_FOUND,
        };
        let is_bulk = is_list && name != "createRole";
        let results = if is_bulk { "results { status userErrors { code } }" } else { "" };
        attempts.push(Attempt {
            name: format!("Mutation.{name}({id})"),
            kind,
            document: format!(
                "mutation($input: {input}!) {{ found: {name}(input: $input) {{ userErrors {{ code }} {results} }} }}"
            ),
            input: Some(Input { field: id.to_owned(), is_list, others }),
            missing,
        });
    }
    attempts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(attempts)
}

impl Attempt {
    async fn send(&self, server: &Server, party: &Party, id: &str) -> anyhow::Result<Value> {
        let id = json!(global_id(self.kind, id));
        let variables = match &self.input {
            None => json!({"id": id}),
            Some(Input { field, is_list, others }) => {
                let mut input = others.as_object().cloned().unwrap_or_default();
                input.insert(field.clone(), if *is_list { json!([id]) } else { id });
                json!({"input": input})
            }
        };
        execute(server, &party.token, &self.document, variables).await
    }
}

/// Returns whether a response is that for an object that does not exist.
fn is_missing(response: &Value, code: &str) -> bool {
    let found = response.pointer("/data/found");
    let of_errors = ["/data/found/userErrors", "/data/found/results/0/userErrors"];
    let mut errors = of_errors.into_iter().filter_map(|pointer| response.pointer(pointer));
    found == Some(&Value::Null)
        || found == Some(&json!([null]))
        || errors.any(|errors| *errors == json!([{"code": code}]))
}

/// No field of GraphQL finds or changes an object of another tenant by its id: the responses are those for an object that does not
/// exist. The owner finds each of them.
#[tokio::test]
async fn no_field_of_graphql_reaches_objects_of_another_tenant() -> anyhow::Result<()> {
    let (server, parties) = parties::start().await?;
    let response = execute(&server, &parties[0].token, INTROSPECTION, Value::Null).await?;
    let schema = response.pointer("/data/__schema").with_context(|| response.to_string())?;
    let mut table = String::from("| field | another tenant | found by |\n| --- | --- | --- |\n");
    for attempt in queries(schema)?.into_iter().chain(mutations(schema)?) {
        for attacker in &parties {
            let missing = attempt.send(&server, attacker, MISSING).await?;
            ensure!(is_missing(&missing, attempt.missing), "{}: {missing}", attempt.name);
            for victim in parties.iter().filter(|victim| victim.slug != attacker.slug) {
                let response = attempt.send(&server, attacker, victim.id(attempt.kind)).await?;
                ensure!(response == missing, "{}: {response} instead of {missing}", attempt.name);
            }
        }
        for party in &parties {
            let response = attempt.send(&server, party, party.id(attempt.kind)).await?;
            let is_found = response.get("errors").is_none() && !is_missing(&response, attempt.missing);
            ensure!(is_found, "{} as the owner: {response}", attempt.name);
        }
        let _ = writeln!(table, "| `{}` | not found | owner |", attempt.name);
    }
    section::check(PAGE, "graphql", &table)
}

/// No user of a tenant executes a mutation of the platform, not even for the own tenant.
#[tokio::test]
async fn no_user_of_a_tenant_executes_a_mutation_of_the_platform() -> anyhow::Result<()> {
    let (server, parties) = parties::start().await?;
    for party in &parties {
        let id = global_id(Kind::Tenant, party.id(Kind::Tenant));
        for name in PLATFORM {
            let input = match name {
                "createTenant" => "slug: \"initech\", plan: \"starter\"".to_owned(),
                _ => format!("tenantId: \"{id}\""),
            };
            let document = format!("mutation {{ {name}(input: {{{input}}}) {{ clientMutationId }} }}");
            let response = execute(&server, &party.token, &document, Value::Null).await?;
            let code = response.pointer("/errors/0/extensions/code");
            ensure!(code == Some(&json!("FORBIDDEN")), "{name}: {response}");
        }
    }
    Ok(())
}
