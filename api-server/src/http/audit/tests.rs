//! Tests of the audit events of REST, GraphQL and their reconciliation.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, Type, TypeDefinition, TypeKind, TypeSystemDefinition},
};
use axum::{body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::READS;
use crate::{
    app,
    db::testing::mirror_pool,
    http::{
        ClientAddress,
        testing::{ACME, QUEUED_RUN, RUN, Server, WORKFLOW},
    },
};

/// `operations.yaml`, as the program reads it.
const OPERATIONS: &str = include_str!(concat!(env!("OUT_DIR"), "/operations.json"));

/// Returns the names of the operations of REST or GraphQL that do more than read.
fn writing_operations(part: &str) -> Vec<String> {
    let table: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(OPERATIONS).unwrap();
    let writes = |name: &&String| match part {
        "rest" => !name.starts_with("GET ") && !READS.contains(&name.as_str()),
        _ => name.starts_with("Mutation."),
    };
    table[part].keys().filter(writes).cloned().collect()
}

/// Returns the phases of the rows of an operation, in the order in which they were written.
async fn phases(pool: &PgPool, operation: &str) -> Vec<String> {
    let rows = "select phase from audit_events where id in (select id from audit_events where operation = $1)
                order by seq";
    sqlx::query_scalar(rows).bind(operation).fetch_all(pool).await.unwrap()
}

async fn newest(server: &Server) -> Value {
    server.get("acme", "auditor", "/v1/audit-events?limit=1").await.body["data"][0].clone()
}

fn global(kind: &str, id: &str) -> String {
    STANDARD.encode(format!("{kind}:{id}"))
}

/// Every operation of REST that does more than read has a row before and a row after it, whatever its outcome: a new operation
/// cannot lack them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_writing_operation_of_rest_is_audited(pool: PgPool) {
    let server = Server::start(&pool).await;
    for operation in writing_operations("rest") {
        let (method, path) = operation.split_once(' ').unwrap();
        let id = match path {
            path if path.starts_with("/v1/tenants") => ACME,
            path if path.starts_with("/v1/workflows") => WORKFLOW,
            _ => RUN,
        };
        let path = path.replace("{id}", id).replace(['{', '}'], "");
        let token = match path.starts_with("/v1/tenants") || path.starts_with("/v1/platform") {
            true => server.issuer.platform_token("platform-admin"),
            false => server.issuer.token("acme", "owner"),
        };
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(&path).header("content-type", media);
        let request = request.header("authorization", format!("Bearer {token}")).header("if-match", "*");
        let answer = server.send(request.body(Body::from("{}")).unwrap()).await;
        assert!(![401, 403, 405].contains(&answer.status), "{operation}: {}", answer.body);
        assert_eq!(phases(&pool, &operation).await, ["INTENT", "OUTCOME"], "{operation}: {}", answer.body);
    }
    intact(&pool).await;
}

/// Every mutation has a row before and a row after it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_mutation_is_audited(pool: PgPool) {
    let server = Server::start(&pool).await;
    let schema = Schema::parse();
    for operation in writing_operations("graphql") {
        let field = operation.trim_start_matches("Mutation.");
        let input = schema.input_of(field);
        let document = format!("mutation {{ {field}(input: {input}) {{ __typename }} }}");
        let answer = server.graphql("owner", &document, json!({})).await;
        assert_eq!(phases(&pool, &operation).await, ["INTENT", "OUTCOME"], "{document}: {}", answer.body);
    }
    intact(&pool).await;
}

async fn intact(pool: &PgPool) {
    let mirror = mirror_pool(pool).await;
    for chain in crate::store::audit::chains(&mirror, None).await.unwrap() {
        crate::store::audit::verify(&mirror, chain.id).await.unwrap().unwrap();
    }
}

/// The types of the schema, for inputs with the required fields alone.
struct Schema(Vec<TypeDefinition>);

impl Schema {
    fn parse() -> Self {
        let document = parse_schema(crate::graphql::sdl()).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            _ => None,
        });
        Self(types.collect())
    }

    fn kind(&self, name: &str) -> Option<&TypeKind> {
        self.0.iter().find(|ty| ty.name.node == name).map(|ty| &ty.kind)
    }

    /// Returns a literal for the argument `input` of a mutation.
    fn input_of(&self, field: &str) -> String {
        let Some(TypeKind::Object(mutation)) = self.kind("Mutation") else { panic!("no mutations") };
        let field = mutation.fields.iter().find(|candidate| candidate.node.name.node == field).unwrap();
        let argument =
            field.node.arguments.iter().find(|argument| argument.node.name.node == "input").unwrap();
        self.literal(&argument.node.ty.node)
    }

    fn literal(&self, ty: &Type) -> String {
        let name = match &ty.base {
            // An operation on many objects has two rows for each of them, too.
            BaseType::List(_) => return "[]".to_owned(),
            BaseType::Named(name) => name.as_str(),
        };
        match self.kind(name) {
            Some(TypeKind::Enum(values)) => values.values[0].node.value.node.to_string(),
            Some(TypeKind::InputObject(input)) => {
                let required =
                    input.fields.iter().map(|field| &field.node).filter(|field| !field.ty.node.nullable);
                let fields =
                    required.map(|field| format!("{}: {}", field.name.node, self.literal(&field.ty.node)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            _ => match name {
                "Int" | "Float" => "1".to_owned(),
                "Boolean" => "true".to_owned(),
                "JSON" => "{}".to_owned(),
                _ => "\"x\"".to_owned(),
            },
        }
    }
}

/// An event says who did what, from where, to which object, with which change, and how it ended.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_event_says_who_did_what_from_where(pool: PgPool) {
    let server = Server::start(&pool).await;
    let request = Request::put(format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"))
        .header("authorization", format!("Bearer {}", server.issuer.token("acme", "operator")))
        .header("content-type", "application/json")
        .header("user-agent", "shop/7")
        .header("x-request-id", "shop-7")
        .extension(ClientAddress([203, 0, 113, 7].into()));
    let answer = server.send(request.body(Body::from(r#"{"mode": "NOW"}"#)).unwrap()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let event = newest(&server).await;
    assert_eq!(
        (&event["action"], &event["operation"], &event["outcome"], &event["code"]),
        (
            &json!("workflow.run.cancel"),
            &json!("PUT /v1/workflow-runs/{id}/cancellation"),
            &json!("SUCCEEDED"),
            &Value::Null
        )
    );
    assert_eq!(
        (&event["actor"]["kind"], &event["actor"]["email"], &event["actor"]["roles"]),
        (&json!("USER"), &json!("anna@acme.example"), &json!(["operator"]))
    );
    assert!(event["actor"]["issuer"].as_str().unwrap().starts_with("http"), "{event}");
    let request = &event["request"];
    assert_eq!(
        (&request["id"], &request["clientAddress"], &request["userAgent"]),
        (&json!("shop-7"), &json!("203.0.113.7"), &json!("shop/7"))
    );
    assert_eq!(request["target"], format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"));
    assert_eq!(event["object"], json!({"kind": "WORKFLOW_RUN", "id": QUEUED_RUN, "name": "report-1"}));
    assert_eq!(event["changes"], json!([{"field": "/cancel", "after": "NOW"}]));
}

/// A refusal is recorded with its code, whether the permission is missing, or the object does not permit it, by REST or GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn refusals_are_recorded_with_their_code(pool: PgPool) {
    let server = Server::start(&pool).await;
    let refused = async || {
        let event = newest(&server).await;
        assert_eq!(event["outcome"], "REFUSED", "{event}");
        event["code"].as_str().unwrap().to_owned()
    };
    let path = format!("/v1/workflow-runs/{RUN}/cancellation");
    assert_eq!(server.put("acme", "viewer", &path, &json!({"mode": "NOW"})).await.status, 403);
    assert_eq!(refused().await, "forbidden");
    assert_eq!(server.put("acme", "operator", &path, &json!({"mode": "NOW"})).await.status, 409);
    assert_eq!(refused().await, "run_finished");
    let document = format!(
        "mutation {{ cancelWorkflowRun(input: {{workflowRunId: \"{}\", mode: NOW}}) {{ clientMutationId }} }}",
        global("WorkflowRun", RUN)
    );
    server.graphql("viewer", &document, json!({})).await;
    assert_eq!(refused().await, "forbidden");
    server.graphql("operator", &document, json!({})).await;
    assert_eq!(refused().await, "run_finished");
    assert_eq!(newest(&server).await["object"]["name"], "invoice-1");
}

/// Each run of a request that acts on several has an event of its own, with the outcome for this run.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_run_of_a_bulk_request_is_audited(pool: PgPool) {
    let server = Server::start(&pool).await;
    let body = json!({"runs": [QUEUED_RUN, RUN], "mode": "NOW"});
    let path = "/v1/workflow-run-cancellations";
    assert_eq!(server.post("acme", "operator", path, &body).await.status, 200);
    for (run, outcome, code) in
        [(QUEUED_RUN, "SUCCEEDED", json!(null)), (RUN, "REFUSED", json!("run_finished"))]
    {
        let events = server.get("acme", "auditor", &format!("/v1/audit-events?objectId={run}")).await.body;
        let events = events["data"].as_array().unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!((&events[0]["outcome"], &events[0]["code"]), (&json!(outcome), &code));
    }
    intact(&pool).await;
}

/// GraphQL shows the same events as REST, with the same filters, to those who may read them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn graphql_shows_the_same_events(pool: PgPool) {
    let server = Server::start(&pool).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation");
    server.put("acme", "operator", &path, &json!({"mode": "NOW"})).await;
    server.put("acme", "viewer", &path, &json!({"mode": "NOW"})).await;
    let query = "query ($object: ID) { auditEvents(first: 10, filter: {objectId: $object}) { nodes {
        id action operation outcome code changes createdAt completedAt actor { kind email roles }
        request { requestId } object { kind objectId name } } } }";
    let variables = json!({"object": global("WorkflowRun", QUEUED_RUN)});
    let answer = server.graphql("auditor", query, variables.clone()).await.body;
    let nodes = answer["data"]["auditEvents"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let path = format!("/v1/audit-events?objectId={QUEUED_RUN}");
    let events = server.get("acme", "auditor", &path).await.body["data"].clone();
    assert_eq!(
        (nodes.len(), events.as_array().unwrap().len()),
        (1, 1),
        "a refusal without the permission has no object"
    );
    let (node, event) = (&nodes[0], &events[0]);
    for field in ["action", "operation", "outcome", "code", "changes", "createdAt", "completedAt"] {
        assert_eq!(node[field], event[field], "{field}");
    }
    assert_eq!(node["actor"]["email"], event["actor"]["email"]);
    assert_eq!(node["request"]["requestId"], event["request"]["id"]);
    assert_eq!(node["object"]["objectId"], global("WorkflowRun", QUEUED_RUN));
    let found = server
        .graphql("auditor", "query ($id: ID!) { node(id: $id) { id } }", json!({"id": node["id"]}))
        .await;
    assert_eq!(found.body["data"]["node"]["id"], node["id"]);
    let refused = server.graphql("viewer", query, variables).await;
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "FORBIDDEN", "{}", refused.body);
}

/// GraphQL shows the events of the platform to its administrators, also by their IDs, and to nobody else.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn graphql_shows_the_events_of_the_platform(pool: PgPool) {
    let server = Server::start(&pool).await;
    let path = format!("/v1/tenants/{ACME}/suspension");
    for method in ["PUT", "DELETE"] {
        assert_eq!(server.platform("platform-admin", method, &path, &[], "").await.status, 200);
    }
    let query = async |query: &str, variables: Value| {
        let (json, body) =
            ([("content-type", "application/json")], json!({"query": query, "variables": variables}));
        server.platform("platform-support", "POST", "/graphql", &json, &body.to_string()).await.body
    };
    let list = "query ($object: ID, $before: String) {
      platformAuditEvents(last: 1, before: $before, filter: {objectId: $object}) {
        totalCount nodes { id operation outcome changes actor { kind } } pageInfo { hasPreviousPage startCursor } } }";
    let object = global("Tenant", ACME);
    let last = query(list, json!({"object": object})).await["data"]["platformAuditEvents"].clone();
    let before = &last["pageInfo"]["startCursor"];
    let first =
        query(list, json!({"object": object, "before": before})).await["data"]["platformAuditEvents"].clone();
    assert_eq!((&last["totalCount"], &first["pageInfo"]["hasPreviousPage"]), (&json!("2"), &json!(false)));
    let path = format!("/v1/platform/audit-events?objectId={ACME}");
    let rest = server.platform("platform-support", "GET", &path, &[], "").await.body;
    for (node, event) in [(&first["nodes"][0], &rest["data"][0]), (&last["nodes"][0], &rest["data"][1])] {
        assert_eq!(node["id"], global("AuditEvent", event["id"].as_str().unwrap()));
        for field in ["operation", "outcome", "changes"] {
            assert_eq!(node[field], event[field], "{field}");
        }
    }
    let (node, id) = ("query ($id: ID!) { node(id: $id) { id } }", &last["nodes"][0]["id"]);
    assert_eq!(query(node, json!({"id": id})).await["data"]["node"]["id"], *id);
    let owner = server.graphql("owner", node, json!({"id": id})).await.body;
    assert_eq!(owner["data"], json!({"node": null}), "{owner}");
    let owner = server.graphql("owner", list, json!({})).await.body;
    assert_eq!(owner["errors"][0]["extensions"]["code"], "FORBIDDEN", "{owner}");
}

/// Whether a write took place is unknown if Kubernetes does not answer it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_write_without_an_answer_is_unknown(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.go_down();
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation");
    assert_eq!(server.put("acme", "operator", &path, &json!({"mode": "NOW"})).await.status, 503);
    let event = newest(&server).await;
    assert_eq!((&event["outcome"], &event["code"]), (&json!("UNKNOWN"), &json!("unavailable")));
}

/// Neither inputs nor settings nor steps are stored in the log.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn values_that_may_be_secret_are_not_stored(pool: PgPool) {
    let server = Server::start(&pool).await;
    let input = json!({"input": {"url": "https://s3cret.example"}});
    let started = server.post("acme", "builder", &format!("/v1/workflows/{WORKFLOW}/runs"), &input).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let settings = json!({"settings": {"token": "s3cret"}}).to_string();
    let patch = [("content-type", "application/merge-patch+json")];
    assert_eq!(server.patch("acme", "admin", "/v1/tenant", &patch, &settings).await.status, 200);
    let event = newest(&server).await;
    assert_eq!(event["changes"], json!([{"field": "/settings", "omitted": true}]));
    let rows: Vec<String> =
        sqlx::query_scalar("select e::text from audit_events e").fetch_all(&pool).await.unwrap();
    assert_eq!(rows.len(), 4);
    assert!(!rows.iter().any(|row| row.contains("s3cret")), "{rows:?}");
}

/// A write goes on when its client closes the connection, and its outcome is recorded.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_write_ends_without_its_client(pool: PgPool) {
    let server = Server::start(&pool).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation");
    let body = json!({"mode": "NOW"});
    let mut request = Box::pin(server.put("acme", "operator", &path, &body));
    // The client closes the connection as soon as the operation has begun.
    until(async || {
        let _ = futures::poll!(&mut request);
        !phases(&pool, "PUT /v1/workflow-runs/{id}/cancellation").await.is_empty()
    })
    .await;
    drop(request);
    until(async || newest(&server).await["outcome"] == "SUCCEEDED").await;
    assert_eq!(server.kubernetes.run(QUEUED_RUN)["spec"]["cancel"], "Now");
}

async fn until(mut is_met: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_met().await {
        assert!(tokio::time::Instant::now() < deadline, "the condition is not met in time");
        tokio::task::yield_now().await;
    }
}

/// An operation whose process has died gets the outcome `UNKNOWN` at the next start, once.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn interrupted_operations_are_reconciled(pool: PgPool) {
    let server = Server::start(&pool).await;
    let begin = "select begin_audit_event($1::uuid, gen_random_uuid(), 'PUT /v1/x', 'workflow.update', 'USER', null, null,
                 'anna@acme.example', '[]', null, null, 'dead', null, null, -1)";
    sqlx::query(begin).bind(ACME).execute(&pool).await.unwrap();
    assert_eq!(newest(&server).await["outcome"], Value::Null, "it looks as if it were in progress");
    let mirror = mirror_pool(&pool).await;
    let (first, second) =
        tokio::join!(app::audit::reconcile_once(&mirror), app::audit::reconcile_once(&mirror));
    first.unwrap();
    second.unwrap();
    let event = newest(&server).await;
    assert_eq!((&event["outcome"], &event["code"]), (&json!("UNKNOWN"), &json!("interrupted")));
    assert_eq!(phases(&pool, "PUT /v1/x").await, ["INTENT", "OUTCOME"]);
}

/// Owners, admins and auditors read the events of their own tenant; what administrators of the platform do is in a list of its own.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn events_are_read_by_those_who_may(pool: PgPool) {
    let server = Server::start(&pool).await;
    let path = format!("/v1/tenants/{ACME}/suspension");
    assert_eq!(server.platform("platform-admin", "PUT", &path, &[], "").await.status, 200);
    assert_eq!(server.platform("platform-admin", "DELETE", &path, &[], "").await.status, 200);
    server
        .put("globex", "owner", &format!("/v1/workflow-runs/{RUN}/cancellation"), &json!({"mode": "NOW"}))
        .await;
    for (role, status) in
        [("owner", 200), ("admin", 200), ("auditor", 200), ("viewer", 403), ("builder", 403)]
    {
        let answer = server.get("acme", role, "/v1/audit-events").await;
        assert_eq!(answer.status, status, "{role}");
        if status == 200 {
            assert_eq!(answer.body["data"], json!([]), "{role}");
        }
    }
    assert_eq!(
        server.get("globex", "owner", "/v1/audit-events").await.body["data"].as_array().unwrap().len(),
        1
    );
    assert_eq!(server.get("acme", "owner", "/v1/platform/audit-events").await.status, 403);
    let path =
        format!("/v1/platform/audit-events?objectId={ACME}&action=platform.tenant.suspend&sort=createdAt");
    let answer = server.platform("platform-support", "GET", &path, &[], "").await;
    let states: Vec<_> =
        answer.body["data"].as_array().unwrap().iter().map(|event| &event["changes"]).collect();
    assert_eq!(
        states,
        [
            &json!([{"field": "/state", "after": "Suspended"}]),
            &json!([{"field": "/state", "before": "Suspended"}])
        ]
    );
    assert_eq!(answer.body["data"][0]["actor"]["kind"], "PLATFORM_USER");
    let unknown = server.get("acme", "auditor", "/v1/audit-events?user=anna").await;
    assert_eq!((unknown.status, unknown.body["code"].as_str()), (400, Some("unknown_parameter")));
}
