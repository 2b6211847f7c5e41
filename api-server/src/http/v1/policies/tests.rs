//! Tests of policies, and of what they do to whoever has a role with them.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{ARCHIVED_WORKFLOW, Answer, FAILED_RUN, QUEUED_RUN, RUN, Server, WORKFLOW};

const MERGE_PATCH: &str = "application/merge-patch+json";
const MISSING: &str = "019ad3c4-0000-7000-8000-000000000000";

fn allow(name: &str, actions: &[&str]) -> Value {
    json!({"name": name, "effect": "ALLOW", "actions": actions})
}

fn about_invoices(mut policy: Value) -> Value {
    policy["resources"] = json!([{"kind": "WORKFLOW_NAME", "name": "invoice"}]);
    policy
}

fn deny(policy: Value) -> Value {
    let mut policy = policy;
    policy["effect"] = json!("DENY");
    policy
}

async fn create(server: &Server, policy: &Value) -> String {
    let created = server.post("acme", "owner", "/v1/policies", policy).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

/// Creates a role with policies and returns its ID, which a token can have.
async fn role(server: &Server, policies: &[Value]) -> String {
    let mut ids = Vec::new();
    for policy in policies {
        ids.push(create(server, policy).await);
    }
    let name = format!("role of {}", ids.join(", ").chars().take(80).collect::<String>());
    let created = server.post("acme", "owner", "/v1/roles", &json!({"name": name, "policies": ids})).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.body["id"].as_str().unwrap().to_owned()
}

async fn patch(server: &Server, role: &str, path: &str, if_match: &str, body: &Value) -> Answer {
    let headers = [("content-type", MERGE_PATCH), ("if-match", if_match)];
    server.patch("acme", role, path, &headers, &body.to_string()).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn names(answer: &Answer, field: &str) -> Vec<String> {
    let data = answer.body["data"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    data.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

/// A policy can be read as it was written, changed with its tag, and deleted.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_policy_is_created_changed_and_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let conditions = json!([
        {"type": "OWNER_IS_PRINCIPAL"}, {"type": "MFA"},
        {"type": "LABEL_IN", "key": "team", "values": ["finance"]}, {"type": "TAG_IN", "values": ["a"]},
        {"type": "IP_IN", "ranges": ["192.0.2.0/24", "2001:db8::1"]},
        {"type": "TIME_BETWEEN", "from": "08:00", "to": "18:00", "timeZone": "Europe/Berlin"},
    ]);
    let mut policy = about_invoices(allow("Invoices", &["workflow.run.*", "workflow.read"]));
    policy["conditions"] = conditions.clone();
    let created = server.post("acme", "admin", "/v1/policies", &policy).await;
    assert_eq!(created.status, 201, "{}", created.body);
    for field in ["name", "effect", "actions", "resources", "conditions"] {
        assert_eq!(created.body[field], policy[field], "{field}");
    }
    let path = created.headers["location"].to_str().unwrap();
    let read = server.get("acme", "auditor", path).await;
    assert_eq!((read.status, &read.body), (200, &created.body));
    let tag = read.headers["etag"].to_str().unwrap();
    let changed = patch(&server, "admin", path, tag, &json!({"name": "All", "resources": []})).await;
    assert_eq!((changed.status, &changed.body["resources"]), (200, &json!([])), "{}", changed.body);
    assert_eq!((&changed.body["name"], &changed.body["conditions"]), (&json!("All"), &conditions));
    assert_eq!(
        code(&patch(&server, "admin", path, tag, &json!({"name": "B"})).await),
        (412, "precondition_failed")
    );
    let without = server.patch("acme", "admin", path, &[("content-type", MERGE_PATCH)], "{}").await;
    assert_eq!(code(&without), (428, "precondition_required"));
    assert_eq!(server.request("acme", "admin", "DELETE", path).await.status, 204);
    assert_eq!(code(&server.get("acme", "admin", path).await), (404, "not_found"));
}

/// Another tenant's policies do not exist, whatever is tried with them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn policies_of_another_tenant_do_not_exist(pool: PgPool) {
    let server = Server::start(&pool).await;
    let id = create(&server, &allow("Invoices", &["workflow.read"])).await;
    let path = format!("/v1/policies/{id}");
    let headers = [("content-type", MERGE_PATCH), ("if-match", "*")];
    for answer in [
        server.get("globex", "owner", &path).await,
        server.patch("globex", "owner", &path, &headers, r#"{"name": "Mine"}"#).await,
        server.request("globex", "owner", "DELETE", &path).await,
    ] {
        assert_eq!(code(&answer), (404, "not_found"));
    }
    assert_eq!(names(&server.get("globex", "owner", "/v1/policies").await, "id"), Vec::<String>::new());
    let foreign = server.post("globex", "owner", "/v1/roles", &json!({"name": "R", "policies": [id]})).await;
    assert_eq!(foreign.body["errors"][0]["code"], "unknown_policy", "{}", foreign.body);
    // The name is free in another tenant.
    let same = server.post("globex", "owner", "/v1/policies", &allow("Invoices", &["workflow.read"])).await;
    assert_eq!(same.status, 201);
}

/// Refused policies have their own codes, with a pointer to each error.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn refused_policies_have_their_own_codes(pool: PgPool) {
    let server = Server::start(&pool).await;
    create(&server, &allow("Invoices", &["workflow.read"])).await;
    let taken = server.post("acme", "owner", "/v1/policies", &allow("INVOICES", &["workflow.read"])).await;
    assert_eq!(code(&taken), (409, "already_exists"));
    let wrong = json!({"name": " ", "effect": "ALLOW", "actions": ["workflow.fly", "platform.*"],
                       "conditions": [{"type": "IP_IN", "ranges": ["everywhere"]}]});
    let wrong = server.post("acme", "owner", "/v1/policies", &wrong).await;
    assert_eq!(code(&wrong), (422, "invalid"));
    let pointers: Vec<_> = wrong.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/name", "/actions/0", "/actions/1", "/conditions/0/ranges/0"]);
    for body in [
        json!({"name": "A", "effect": "ALLOW", "actions": ["*"], "conditions": [{"type": "MOON"}]}),
        json!({"name": "A", "effect": "MAYBE", "actions": ["*"]}),
        json!({"name": "A", "effect": "ALLOW", "actions": ["*"], "extra": 1}),
    ] {
        let answer = server.post("acme", "owner", "/v1/policies", &body).await;
        assert_eq!(code(&answer), (422, "invalid"), "{body}: {}", answer.body);
    }
    let hooli = server.post("hooli", "owner", "/v1/policies", &allow("A", &["workflow.read"])).await;
    assert_eq!(code(&hooli), (423, "tenant_suspended"));
}

/// Nobody grants what they lack: not in a new policy, not by changing one, and not by taking back a denial.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn nobody_grants_what_they_lack(pool: PgPool) {
    let server = Server::start(&pool).await;
    let security = role(&server, &[allow("Security", &["role", "policy", "workflow.read"])]).await;
    let post = async |path: &str, body: Value| server.post("acme", &security, path, &body).await;
    let refused = post("/v1/policies", allow("More", &["workflow.read", "workflow.run.create"])).await;
    assert_eq!(code(&refused), (403, "forbidden"));
    assert!(refused.body["detail"].as_str().unwrap().ends_with(": workflow.run.create"), "{}", refused.body);
    let own = post("/v1/policies", allow("Own", &["workflow.read"])).await;
    assert_eq!(own.status, 201, "{}", own.body);
    let path = format!("/v1/policies/{}", own.body["id"].as_str().unwrap());
    let wider = patch(&server, &security, &path, "*", &json!({"actions": ["workflow"]})).await;
    assert_eq!(code(&wider), (403, "forbidden"));
    // A policy of the owner is not attached to a role by somebody who lacks what it allows.
    let strong = create(&server, &allow("Strong", &["audit.read"])).await;
    let role = post("/v1/roles", json!({"name": "Attached", "policies": [strong]})).await;
    assert_eq!(code(&role), (403, "forbidden"));
    let empty = post("/v1/roles", json!({"name": "Empty"})).await;
    let empty = format!("/v1/roles/{}", empty.body["id"].as_str().unwrap());
    assert_eq!(
        code(&patch(&server, &security, &empty, "*", &json!({"policies": [strong]})).await),
        (403, "forbidden")
    );
    // A denial is not taken back by somebody who may not do what it denies.
    let denial = create(&server, &deny(allow("No audit", &["audit.read"]))).await;
    let limited =
        server.post("acme", "owner", "/v1/roles", &json!({"name": "Limited", "policies": [denial]})).await;
    let limited = format!("/v1/roles/{}", limited.body["id"].as_str().unwrap());
    let denial = format!("/v1/policies/{denial}");
    assert_eq!(
        code(&patch(&server, &security, &limited, "*", &json!({"policies": []})).await),
        (403, "forbidden")
    );
    assert_eq!(code(&server.request("acme", &security, "DELETE", &limited).await), (403, "forbidden"));
    let narrower = json!({"conditions": [{"type": "MFA"}]});
    assert_eq!(code(&patch(&server, &security, &denial, "*", &narrower).await), (403, "forbidden"));
    assert_eq!(patch(&server, &security, &denial, "*", &json!({"name": "Renamed"})).await.status, 200);
    assert_eq!(patch(&server, "owner", &limited, "*", &json!({"policies": []})).await.status, 200);
}

/// A permission that somebody has for some resources only cannot be granted for all of them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn conditional_rights_cannot_be_granted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let policies = [allow("Policies", &["policy"]), about_invoices(allow("Invoices", &["workflow.read"]))];
    let limited = role(&server, &policies).await;
    let policy = allow("All", &["workflow.read"]);
    assert_eq!(code(&server.post("acme", &limited, "/v1/policies", &policy).await), (403, "forbidden"));
    assert_eq!(
        server.post("acme", &limited, "/v1/policies", &allow("Own", &["policy.read"])).await.status,
        201
    );
}

/// Who may see one workflow only sees it and its runs, in lists, counts and details, by REST and by GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn lists_and_counts_have_only_what_may_be_read(pool: PgPool) {
    let server = Server::start(&pool).await;
    let reader =
        role(&server, &[about_invoices(allow("Invoices", &["workflow.read", "workflow.run.read"]))]).await;
    let workflows = server.get("acme", &reader, "/v1/workflows?include=totalCount").await;
    assert_eq!(names(&workflows, "name"), ["invoice"]);
    assert_eq!(workflows.body["page"]["totalCount"], "1");
    let runs = server.get("acme", &reader, "/v1/workflow-runs?include=totalCount").await;
    assert!(names(&runs, "workflowName").iter().all(|name| name == "invoice"));
    assert_eq!(runs.body["page"]["totalCount"], "2");
    for path in ["", "/steps", "/output", "/events"] {
        let hidden = server.get("acme", &reader, &format!("/v1/workflow-runs/{QUEUED_RUN}{path}")).await;
        let expected = if path == "/events" { (403, "forbidden") } else { (404, "not_found") };
        assert_eq!(code(&hidden), expected, "{path}");
    }
    for path in ["", "/revisions", "/runs"] {
        let hidden = server.get("acme", &reader, &format!("/v1/workflows/{ARCHIVED_WORKFLOW}{path}")).await;
        assert_eq!(code(&hidden), (404, "not_found"), "{path}");
    }
    assert_eq!(server.get("acme", &reader, &format!("/v1/workflow-runs/{RUN}")).await.status, 200);
    let document = "{ workflows(first: 9) { nodes { name runs(first: 9) { nodes { name } } } }
                      workflowRuns(first: 9) { nodes { workflowName } } }";
    let graph = server.graphql(&reader, document, json!({})).await.body;
    assert_eq!(graph["data"]["workflows"]["nodes"][0]["name"], "invoice", "{graph}");
    assert_eq!(graph["data"]["workflows"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(graph["data"]["workflows"]["nodes"][0]["runs"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(graph["data"]["workflowRuns"]["nodes"].as_array().unwrap().len(), 2);
    let id = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("WorkflowRun:{QUEUED_RUN}"),
    );
    let node =
        server.graphql(&reader, "query($id: ID!) { node(id: $id) { id } }", json!({"id": id})).await.body;
    assert_eq!(node["data"]["node"], Value::Null, "{node}");
}

/// A role of the tenant gives its rights to a service account as far as the scopes of the key reach, and a role that does not exist
/// is refused.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn own_roles_of_an_account_count_within_the_scopes_of_its_key(pool: PgPool) {
    let server = Server::start(&pool).await;
    let reader =
        role(&server, &[about_invoices(allow("Invoices", &["workflow.read", "workflow.run.read"]))]).await;
    let create = async |path: &str, body: Value| server.post("acme", "owner", path, &body).await;
    let account = create("/v1/service-accounts", json!({"name": "reports", "roles": [reader]})).await;
    assert_eq!(account.status, 201, "{}", account.body);
    let scopes =
        json!({"name": "reports", "scopes": ["workflow.read"], "serviceAccountId": account.body["id"]});
    let key = create("/v1/api-keys", scopes).await;
    let key = key.body["secret"].as_str().unwrap_or_else(|| panic!("{}", key.body)).to_owned();
    assert_eq!(names(&server.with_token(&key, "/v1/workflows").await, "name"), ["invoice"]);
    assert_eq!(code(&server.with_token(&key, "/v1/workflow-runs").await), (403, "forbidden"));
    let missing = json!({"name": "others", "roles": [MISSING]});
    assert_eq!(code(&create("/v1/service-accounts", missing).await), (422, "invalid"));
}

/// A denial hides a workflow also from an owner, and everything that belongs to it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_denial_hides_a_workflow_from_everybody_with_the_role(pool: PgPool) {
    let server = Server::start(&pool).await;
    let hidden = role(&server, &[deny(about_invoices(allow("Secret", &["workflow.*"])))]).await;
    let token = server
        .issuer
        .sign(&server.issuer.claims(&json!({"smb_tenant": "acme", "smb_roles": ["owner", hidden]})));
    let workflows = server.with_token(&token, "/v1/workflows").await;
    assert!(
        !names(&workflows, "name").contains(&"invoice".to_owned()) && !names(&workflows, "name").is_empty()
    );
    for path in [
        format!("/v1/workflows/{WORKFLOW}"),
        format!("/v1/workflow-runs/{RUN}"),
        format!("/v1/workflow-runs/{RUN}/logs"),
    ] {
        assert_eq!(code(&server.with_token(&token, &path).await), (404, "not_found"), "{path}");
    }
    // Events of all objects would show the hidden ones.
    assert_eq!(code(&server.with_token(&token, "/v1/events").await), (403, "forbidden"));
    assert_eq!(server.with_token(&token, "/v1/usage").await.status, 200);
}

/// What may be seen but not changed is 403, and what may not be seen is 404.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn actions_are_checked_for_each_resource(pool: PgPool) {
    let server = Server::start(&pool).await;
    let all = [
        "workflow.update",
        "workflow.archive",
        "workflow.run.create",
        "workflow.run.cancel",
        "workflow.run.rerun",
        "workflow.run.delete",
        "workflow.run.log.read",
        "workflow.create",
    ];
    let actor = role(
        &server,
        &[allow("See", &["workflow.read", "workflow.run.read"]), about_invoices(allow("Act", &all))],
    )
    .await;
    let report = server.get("acme", "viewer", "/v1/workflows").await;
    let report =
        report.body["data"].as_array().unwrap().iter().find(|item| item["name"] == "report").unwrap().clone();
    let report = report["id"].as_str().unwrap();
    let put = async |path: String| server.put("acme", &actor, &path, &json!({"mode": "NOW"})).await;
    for answer in [
        put(format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation")).await,
        server.request("acme", &actor, "PUT", &format!("/v1/workflows/{report}/archive")).await,
        server.post("acme", &actor, &format!("/v1/workflows/{report}/runs"), &json!({"input": {}})).await,
        server.get("acme", &actor, &format!("/v1/workflow-runs/{QUEUED_RUN}/logs")).await,
        patch(&server, &actor, &format!("/v1/workflows/{report}"), "*", &json!({"timeout": "5m"})).await,
        server
            .post(
                "acme",
                &actor,
                "/v1/workflows",
                &json!({"name": "new", "steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]}),
            )
            .await,
        server.request("acme", &actor, "DELETE", &format!("/v1/workflow-runs/{QUEUED_RUN}")).await,
    ] {
        assert_eq!(code(&answer), (403, "forbidden"), "{}", answer.body);
    }
    let rerun =
        server.post("acme", &actor, &format!("/v1/workflow-runs/{FAILED_RUN}/reruns"), &json!({})).await;
    assert!([200, 202, 422].contains(&rerun.status), "{}", rerun.body);
    assert_eq!(server.get("acme", &actor, &format!("/v1/workflow-runs/{RUN}/logs")).await.status, 200);
    let changed =
        patch(&server, &actor, &format!("/v1/workflows/{WORKFLOW}"), "*", &json!({"timeout": "5m"})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    // What cannot be seen does not exist.
    let blind = role(&server, &[about_invoices(allow("Blind", &["workflow.read", "workflow.run"]))]).await;
    let cancelled = server
        .put("acme", &blind, &format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"), &json!({"mode": "NOW"}))
        .await;
    assert_eq!(code(&cancelled), (404, "not_found"));
}

/// Whoever may see only their own runs sees those that they have started, and no others.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn own_runs_can_be_read_alone(pool: PgPool) {
    let server = Server::start(&pool).await;
    let mut own = allow("Own runs", &["workflow.run"]);
    own["conditions"] = json!([{"type": "OWNER_IS_PRINCIPAL"}]);
    let member = role(&server, &[allow("Workflows", &["workflow.read"]), own]).await;
    let before = names(&server.get("acme", &member, "/v1/workflow-runs").await, "id");
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let started =
        server.post("acme", &member, &path, &json!({"input": {"url": "https://shop.example/1"}})).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let after = names(&server.get("acme", &member, "/v1/workflow-runs").await, "id");
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.contains(&started.body["id"].as_str().unwrap().to_owned()));
    assert_eq!(
        code(&server.get("acme", &member, &format!("/v1/workflow-runs/{QUEUED_RUN}")).await),
        (404, "not_found")
    );
}

/// Whoever starts a run gets it, also if they may not read it later.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_started_run_is_returned(pool: PgPool) {
    let server = Server::start(&pool).await;
    let mut hidden = allow("Hidden runs", &["workflow.run.read"]);
    hidden["resources"] = json!([{"kind": "WORKFLOW_NAME", "name": "other"}]);
    let starter = role(&server, &[allow("Start", &["workflow.run.create", "workflow.read"]), hidden]).await;
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let started =
        server.post("acme", &starter, &path, &json!({"input": {"url": "https://shop.example/1"}})).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let later = server
        .get("acme", &starter, &format!("/v1/workflow-runs/{}", started.body["id"].as_str().unwrap()))
        .await;
    assert_eq!(code(&later), (404, "not_found"));
}

/// A condition on the request decides before anything is read, and a role without allowances gives nothing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn conditions_on_the_request_decide_at_once(pool: PgPool) {
    let server = Server::start(&pool).await;
    let mut strong = allow("With several factors", &["usage.read"]);
    strong["conditions"] = json!([{"type": "MFA"}]);
    let strong = role(&server, &[strong]).await;
    assert_eq!(code(&server.get("acme", &strong, "/v1/usage").await), (403, "forbidden"));
    let token = |amr: Value| {
        let claims = json!({"smb_tenant": "acme", "smb_roles": [strong], "amr": amr});
        server.issuer.sign(&server.issuer.claims(&claims))
    };
    assert_eq!(server.with_token(&token(json!(["pwd", "otp", "mfa"])), "/v1/usage").await.status, 200);
    assert_eq!(server.with_token(&token(json!(["pwd"])), "/v1/usage").await.status, 403);
    for unknown in [MISSING, "no-such-role"] {
        assert_eq!(code(&server.get("acme", unknown, "/v1/workflows").await), (403, "forbidden"));
    }
}

/// A role of one tenant gives nothing in another one.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn roles_of_another_tenant_give_nothing(pool: PgPool) {
    let server = Server::start(&pool).await;
    let reader = role(&server, &[allow("All", &["workflow.read"])]).await;
    assert_eq!(server.get("acme", &reader, "/v1/workflows").await.status, 200);
    assert_eq!(code(&server.get("globex", &reader, "/v1/workflows").await), (403, "forbidden"));
}

/// A changed policy takes effect on every replica once the cached roles have expired.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn changes_take_effect_on_all_replicas(pool: PgPool) {
    let server = Server::start(&pool).await;
    let policy = create(&server, &allow("All", &["workflow.read"])).await;
    let created =
        server.post("acme", "owner", "/v1/roles", &json!({"name": "Reader", "policies": [policy]})).await;
    let reader = created.body["id"].as_str().unwrap();
    let replica = server.replica(&pool).await;
    for server in [&server, &replica] {
        assert_eq!(server.get("acme", reader, "/v1/workflows").await.status, 200);
    }
    let changed =
        patch(&server, "owner", &format!("/v1/policies/{policy}"), "*", &json!({"effect": "DENY"})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    for server in [&server, &replica] {
        server.expire_grants();
        assert_eq!(server.get("acme", reader, "/v1/workflows").await.status, 403);
    }
}

/// A change of a policy is in the audit log with what it was before and after it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn changes_are_in_the_audit_log(pool: PgPool) {
    let server = Server::start(&pool).await;
    let policy = create(&server, &allow("All", &["workflow.read"])).await;
    patch(&server, "owner", &format!("/v1/policies/{policy}"), "*", &json!({"actions": ["usage.read"]}))
        .await;
    let event = server.get("acme", "auditor", "/v1/audit-events?limit=1").await.body["data"][0].clone();
    assert_eq!(
        (&event["action"], &event["object"]["kind"]),
        (&json!("policy.update"), &json!("POLICY")),
        "{event}"
    );
    assert_eq!(event["object"]["id"], policy);
    let change = json!({"field": "/actions", "before": ["workflow.read"], "after": ["usage.read"]});
    assert_eq!(event["changes"][0]["field"], change["field"], "{event}");
    assert_eq!(event["changes"][0]["after"], change["after"], "{event}");
}
