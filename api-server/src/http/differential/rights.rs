//! Questions about rights, and the permission tree.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{
    CALLERS, Caller, Reply,
    graphql::{as_rest, encode},
};
use crate::http::testing::{POLICY, QUEUED_RUN, ROLE, RUN, Server, WORKFLOW};

/// ID of no object.
const UNKNOWN: &str = "00000000-0000-4000-8000-00000000dead";
const RULE: &str = "{ roleId roleName policyId policyName effect }";

async fn post(server: &Server, caller: Caller, path: &str, body: &Value) -> Reply {
    match caller {
        Caller::User(tenant, role) => Reply::of_rest(&server.post(tenant, role, path, body).await),
        Caller::Platform(role) => {
            let headers = [("content-type", "application/json")];
            Reply::of_rest(&server.platform(role, "POST", path, &headers, &body.to_string()).await)
        }
    }
}

/// Resource: its kind in REST, its type in GraphQL, and its ID.
type Named = (&'static str, &'static str, &'static str);

/// Permissions with a resource and without.
fn questions() -> Vec<(&'static str, Option<Named>)> {
    let run = |id| Some(("WORKFLOW_RUN", "WorkflowRun", id));
    let workflow = |id| Some(("WORKFLOW", "Workflow", id));
    vec![
        ("workflow.read", None),
        ("usage.read", None),
        ("workflow.run.create", workflow(WORKFLOW)),
        ("workflow.run.cancel", run(RUN)),
        ("workflow.run.cancel", run(QUEUED_RUN)),
        ("workflow.run.cancel", run(UNKNOWN)),
        ("workflow.read", workflow(UNKNOWN)),
        ("workflow", None),
        ("usage.read", workflow(WORKFLOW)),
    ]
}

fn of_rest(action: &str, resource: Option<(&str, &str, &str)>) -> Value {
    let resource = resource.map(|(kind, _, id)| json!({"kind": kind, "id": id}));
    json!({"action": action, "resource": resource})
}

fn of_graphql(action: &str, resource: Option<(&str, &str, &str)>) -> Value {
    json!({"action": action, "resourceId": resource.map(|(_, ty, id)| encode(ty, id))})
}

/// Replaces the IDs of policies in an explanation.
fn plain(mut explanation: Value) -> Value {
    for rule in explanation["decidedBy"].as_array_mut().unwrap() {
        *rule = as_rest("DecidingRule", rule.take());
    }
    for unmet in explanation["unmet"].as_array_mut().unwrap() {
        unmet["rule"] = as_rest("DecidingRule", unmet["rule"].take());
    }
    explanation
}

/// Every question about the rights of the caller has the same answer by REST and by GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn checks_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_roles(&pool).await;
    let document =
        "query ($checks: [AuthorizationCheckInput!]!) { can(checks: $checks) { action allowed depends } }";
    let all = questions();
    let lists = all.iter().map(|question| vec![*question]).chain([all[..7].to_vec()]);
    for questions in lists {
        for caller in CALLERS.into_iter().chain([Caller::User("acme", ROLE)]) {
            let checks: Vec<_> =
                questions.iter().map(|(action, resource)| of_rest(action, *resource)).collect();
            let rest = post(&server, caller, "/v1/authorization/checks", &json!({"checks": checks})).await;
            let checks: Vec<_> =
                questions.iter().map(|(action, resource)| of_graphql(action, *resource)).collect();
            let graphql = caller.query(&server, document, &json!({"checks": checks})).await;
            let graphql = match Reply::of_graphql(&graphql, &["can"]) {
                Reply::Found(answers) => Reply::Found(json!({"data": answers})),
                reply => reply,
            };
            assert_eq!(graphql, rest, "{caller:?} {questions:?}");
        }
    }
}

/// Every explanation is the same by REST and by GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn explanations_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_roles(&pool).await;
    let document = format!(
        "query ($action: String!, $resourceId: ID, $principal: ExplainedPrincipalInput) {{
           explainAuthorization(action: $action, resourceId: $resourceId, principal: $principal) {{
             allowed depends reason decidedBy {RULE} unmet {{ rule {RULE} result }} }} }}"
    );
    let principals = [
        Value::Null,
        json!({"roles": ["viewer"]}),
        json!({"roles": [ROLE, "operator"], "email": "bob@acme.example", "address": "192.0.2.7"}),
        json!({"roles": [ROLE], "time": "2026-11-24T08:00:00Z", "mfa": true}),
        json!({"roles": vec!["viewer"; 41]}),
    ];
    for (action, resource) in questions() {
        for principal in &principals {
            for caller in CALLERS {
                let mut body = of_rest(action, resource);
                body["principal"] = principal.clone();
                let rest = post(&server, caller, "/v1/authorization/explanations", &body).await;
                let mut variables = of_graphql(action, resource);
                variables["principal"] = principal.clone();
                let graphql = caller.query(&server, &document, &variables).await;
                let graphql = match Reply::of_graphql(&graphql, &["explainAuthorization"]) {
                    Reply::Found(explanation) => Reply::Found(plain(explanation)),
                    reply => reply,
                };
                assert_eq!(graphql, rest, "{caller:?} {action} {resource:?} {principal}");
            }
        }
    }
}

/// A simulation has the same result by REST and by GraphQL, and refuses the same callers and drafts.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn simulations_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_roles(&pool).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation");
    assert_eq!(server.put("acme", "operator", &path, &json!({"mode": "NOW"})).await.status, 202);
    let document = "query ($input: SimulatePolicyInput!) { simulatePolicy(input: $input) {
        evaluated undetermined differences { auditEventId createdAt actor action objectId before after } } }";
    let policy = |effect: &str, actions: &[&str], name: &str| json!({"effect": effect, "actions": actions, "resources": [{"kind": "WORKFLOW_NAME", "name": name}]});
    let deny = policy("DENY", &["workflow.run.cancel"], "report");
    for (policy, roles, replaces, requests) in [
        (deny.clone(), vec!["operator"], None, Some(10)),
        (deny.clone(), vec!["operator"], Some(POLICY), None),
        (policy("ALLOW", &["workflow.*"], "invoice"), vec!["operator", ROLE], None, None),
        (policy("ALLOW", &["nonsense"], "invoice"), vec!["operator"], None, None),
        (deny.clone(), vec!["operator"], None, Some(501)),
        (deny, vec![], None, None),
    ] {
        for caller in CALLERS {
            let body = json!({"policy": policy, "roles": roles, "replaces": replaces, "requests": requests});
            let rest = post(&server, caller, "/v1/authorization/simulations", &body).await;
            let mut input = body.clone();
            input["replaces"] = json!(replaces.map(|id| encode("Policy", id)));
            let graphql = caller.query(&server, document, &json!({"input": input})).await;
            let graphql = match Reply::of_graphql(&graphql, &["simulatePolicy"]) {
                Reply::Found(mut result) => {
                    for difference in result["differences"].as_array_mut().unwrap() {
                        *difference = as_rest("SimulatedDifference", difference.take());
                    }
                    Reply::Found(result)
                }
                reply => reply,
            };
            assert_eq!(graphql, rest, "{caller:?} {body}");
        }
    }
}

/// The permission tree is the same by REST and by GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn permissions_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    for caller in CALLERS {
        let rest = Reply::of_rest(&caller.get(&server, "/v1/permissions").await);
        let graphql = caller.query(&server, "{ permissions { name description } }", &Value::Null).await;
        let graphql = match Reply::of_graphql(&graphql, &["permissions"]) {
            Reply::Found(permissions) => Reply::Found(json!({"data": permissions})),
            reply => reply,
        };
        assert_eq!(graphql, rest, "{caller:?}");
    }
}
