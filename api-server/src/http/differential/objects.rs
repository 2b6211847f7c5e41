//! Questions about single objects.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{
    CALLERS, Caller, Reply,
    graphql::{Schema, as_rest, encode},
};
use crate::http::testing::{
    ACME, ANNA, API_KEY, ARCHIVED_WORKFLOW, FAILED_RUN, INVITATION, POLICY, QUEUED_RUN, ROLE, RUN,
    SERVICE_ACCOUNT, Server, WORKFLOW,
};

/// ID of the tenant `globex`.
const GLOBEX: &str = "a0000000-0000-4000-8000-000000000002";
/// Resources with the field that returns them and its type. An ID is asked for in each of them.
const OBJECTS: [(&str, &str, &str); 19] = [
    ("/v1/roles/{id}", "role", "Role"),
    ("/v1/roles/{id}", "node", "Role"),
    ("/v1/policies/{id}", "policy", "Policy"),
    ("/v1/policies/{id}", "node", "Policy"),
    ("/v1/invitations/{id}", "invitation", "Invitation"),
    ("/v1/invitations/{id}", "node", "Invitation"),
    ("/v1/api-keys/{id}", "apiKey", "ApiKey"),
    ("/v1/api-keys/{id}", "node", "ApiKey"),
    ("/v1/service-accounts/{id}", "serviceAccount", "ServiceAccount"),
    ("/v1/service-accounts/{id}", "node", "ServiceAccount"),
    ("/v1/users/{id}", "user", "User"),
    ("/v1/users/{id}", "node", "User"),
    ("/v1/workflows/{id}", "workflow", "Workflow"),
    ("/v1/workflow-runs/{id}", "workflowRun", "WorkflowRun"),
    ("/v1/workflows/{id}", "node", "Workflow"),
    ("/v1/workflow-runs/{id}", "node", "WorkflowRun"),
    ("/v1/tenants/{id}", "node", "Tenant"),
    ("/v1/tenant", "tenant", "Tenant"),
    ("/v1/usage", "usage", "Usage"),
];
/// IDs of objects of all types, of another tenant, and of none.
const IDS: [&str; 15] = [
    ANNA,
    "viewer",
    ROLE,
    POLICY,
    INVITATION,
    API_KEY,
    SERVICE_ACCOUNT,
    WORKFLOW,
    ARCHIVED_WORKFLOW,
    RUN,
    FAILED_RUN,
    QUEUED_RUN,
    ACME,
    GLOBEX,
    "00000000-0000-4000-8000-00000000dead",
];
/// Fields that only REST has. GraphQL has the workflow of a run and the tenant itself, and the definition of a workflow as a whole.
const ONLY_REST: [&str; 12] = [
    "tenantId",
    "workflowId",
    "input",
    "secrets",
    "output",
    "onExit",
    "timeout",
    "concurrency",
    "schedules",
    "runners",
    "retention",
    "state",
];

/// Every object is the same by REST and by GraphQL, or missing, or refused with the same code.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn objects_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    server.add_keys(&pool).await;
    server.add_roles(&pool).await;
    let schema = Schema::load();
    for (path, field, ty) in OBJECTS {
        // Only roles have names, which are no IDs of other types.
        for id in IDS.into_iter().filter(|id| *id != "viewer" || ty == "Role") {
            for caller in CALLERS {
                compare(&server, &schema, (path, field, ty), id, caller).await;
            }
        }
    }
}

async fn compare(
    server: &Server,
    schema: &Schema,
    (path, field, ty): (&str, &str, &str),
    id: &str,
    caller: Caller,
) {
    let rest = Reply::of_rest(&caller.get(server, &path.replace("{id}", id)).await);
    let selection = match &rest {
        Reply::Found(object) => {
            let (selection, missing) = schema.selection(ty, object.as_object().unwrap());
            let missing: Vec<_> = missing.iter().filter(|name| !ONLY_REST.contains(&name.as_str())).collect();
            assert!(missing.is_empty(), "GraphQL lacks {missing:?} of {path}");
            selection
        }
        Reply::Missing | Reply::Refused(_) if ty == "Usage" => "plan".to_owned(),
        Reply::Missing | Reply::Refused(_) => "id".to_owned(),
    };
    let arguments = if path.contains("{id}") { "(id: $id)" } else { "" };
    let declared = if path.contains("{id}") { "($id: ID!)" } else { "" };
    let document = format!("query {declared} {{ {field}{arguments} {{ ... on {ty} {{ {selection} }} }} }}");
    let variables = json!({"id": encode(ty, id)});
    let answer = caller.query(server, &document, &variables).await;
    let graphql = match Reply::of_graphql(&answer, &[field]) {
        Reply::Found(object) => Reply::Found(as_rest(ty, object)),
        reply => reply,
    };
    let about = format!("{caller:?} {path} {id} as {field}");
    match (field, ty, &rest) {
        // REST requires the permission to read all tenants; `node` finds the caller's own tenant without it, and no other.
        ("node", "Tenant", Reply::Refused(code)) if code == "forbidden" => {
            assert!(found_id(&graphql).is_none_or(|found| own_tenant(caller) == Some(found)), "{about}");
        }
        (_, _, Reply::Found(_)) => assert_eq!(graphql, Reply::Found(common(rest, &graphql)), "{about}"),
        _ => assert_eq!(graphql, rest, "{about}"),
    }
}

fn own_tenant(caller: Caller) -> Option<&'static str> {
    match caller {
        Caller::User("acme", _) => Some(ACME),
        Caller::User(_, _) => Some(GLOBEX),
        Caller::Platform(_) => None,
    }
}

fn found_id(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Found(object) => object["id"].as_str(),
        Reply::Missing | Reply::Refused(_) => None,
    }
}

/// Returns the fields of REST without those that only REST has.
fn common(rest: Reply, graphql: &Reply) -> Value {
    let (Reply::Found(mut object), Reply::Found(found)) = (rest, graphql) else { return Value::Null };
    let is_common = |name: &str| !ONLY_REST.contains(&name) || found.get(name).is_some();
    object.as_object_mut().unwrap().retain(|name, _| is_common(name));
    object
}
