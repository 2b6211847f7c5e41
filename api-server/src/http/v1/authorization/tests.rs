//! Tests of checks, explanations and simulations.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{Answer, QUEUED_RUN, RUN, Server, WORKFLOW};

const MISSING: &str = "019ad3c4-0000-7000-8000-000000000000";

async fn role(server: &Server, effect: &str, actions: &[&str], workflow: Option<&str>) -> (String, String) {
    let resources: Vec<_> =
        workflow.iter().map(|name| json!({"kind": "WORKFLOW_NAME", "name": name})).collect();
    let name = format!("{effect} {}", actions.join(", "));
    let policy = json!({"name": name, "effect": effect, "actions": actions, "resources": resources});
    let policy = server.post("acme", "owner", "/v1/policies", &policy).await.body["id"].clone();
    let role = server.post("acme", "owner", "/v1/roles", &json!({"name": name, "policies": [policy]})).await;
    (role.body["id"].as_str().unwrap().to_owned(), policy.as_str().unwrap().to_owned())
}

async fn check(server: &Server, role: &str, checks: &Value) -> Answer {
    server.post("acme", role, "/v1/authorization/checks", &json!({"checks": checks})).await
}

async fn explain(server: &Server, role: &str, body: &Value) -> Answer {
    server.post("acme", role, "/v1/authorization/explanations", body).await
}

/// Each check has the answer that the operation itself would give.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn checks_say_what_the_operations_would_do(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (reader, _) = role(&server, "ALLOW", &["workflow.read", "workflow.run"], Some("invoice")).await;
    let run =
        |id: &str| json!({"action": "workflow.run.cancel", "resource": {"kind": "WORKFLOW_RUN", "id": id}});
    let checks = json!([
        {"action": "workflow.read"},
        {"action": "usage.read"},
        {"action": "workflow.run.create", "resource": {"kind": "WORKFLOW", "id": WORKFLOW}},
        run(RUN), run(QUEUED_RUN), run(MISSING),
    ]);
    let answers = check(&server, &reader, &checks).await;
    let found: Vec<_> = answers.body["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answers.body))
        .iter()
        .map(|answer| (answer["allowed"].as_bool().unwrap(), answer["depends"].as_bool().unwrap()))
        .collect();
    let (yes, no) = ((true, false), (false, false));
    assert_eq!(found, [(false, true), no, yes, yes, no, no]);
    let viewer = check(&server, "viewer", &json!([{"action": "workflow.read"}, run(RUN)])).await;
    assert_eq!(viewer.body["data"][0]["allowed"], true);
    assert_eq!(viewer.body["data"][1]["allowed"], false);
}

/// Questions with errors are refused with a pointer.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn wrong_checks_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    for (checks, pointer) in [
        (json!([{"action": "workflow"}]), "/checks/0/action"),
        (json!([{"action": "platform.impersonate"}]), "/checks/0/action"),
        (
            json!([{"action": "usage.read", "resource": {"kind": "WORKFLOW", "id": WORKFLOW}}]),
            "/checks/0/resource",
        ),
    ] {
        let answer = check(&server, "owner", &checks).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{}",
            answer.body
        );
    }
    assert_eq!(check(&server, "owner", &json!([])).await.status, 422);
    assert_eq!(check(&server, "owner", &json!(vec![json!({"action": "usage.read"}); 101])).await.status, 422);
    assert_eq!(check(&server, "owner", &json!(vec![json!({"action": "usage.read"}); 100])).await.status, 200);
}

/// An explanation names the role and the policy that decide, or what is missing, and only to those who may know.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn explanations_name_what_decides(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (denied, policy) = role(&server, "DENY", &["workflow.run"], Some("invoice")).await;
    let question = |roles: &[&str], action: &str, id: &str| json!({"action": action, "resource": {"kind": "WORKFLOW_RUN", "id": id}, "principal": {"roles": roles}});
    let body = question(&["operator", &denied], "workflow.run.cancel", RUN);
    let explained = explain(&server, "auditor", &body).await;
    assert_eq!((explained.status, &explained.body["reason"]), (200, &json!("DENIED")), "{}", explained.body);
    let rule = &explained.body["decidedBy"][0];
    assert_eq!((&rule["roleId"], &rule["policyId"]), (&json!(denied), &json!(policy)));
    let other =
        explain(&server, "auditor", &question(&["operator", &denied], "workflow.run.cancel", QUEUED_RUN))
            .await;
    assert_eq!(
        (&other.body["allowed"], &other.body["decidedBy"][0]["roleId"]),
        (&json!(true), &json!("operator"))
    );
    let missing = explain(&server, "auditor", &question(&["viewer"], "workflow.run.cancel", RUN)).await;
    assert_eq!((&missing.body["allowed"], &missing.body["reason"]), (&json!(false), &json!("NOT_GRANTED")));
    let own = explain(&server, "owner", &json!({"action": "billing.manage"})).await;
    assert_eq!(
        (&own.body["allowed"], &own.body["decidedBy"][0]["roleName"]),
        (&json!(true), &json!("owner"))
    );
    assert_eq!(explain(&server, "member", &body).await.status, 403);
    assert_eq!(
        explain(&server, "auditor", &question(&["viewer"], "workflow.run.read", MISSING)).await.status,
        404
    );
    // A role of another tenant is not explained.
    let foreign = server
        .post(
            "globex",
            "owner",
            "/v1/authorization/explanations",
            &json!({"action": "workflow.run.cancel", "principal": {"roles": [denied]}}),
        )
        .await;
    assert_eq!(foreign.body["reason"], "NOT_GRANTED", "{}", foreign.body);
}

/// A simulation shows which of the newest requests a draft would decide otherwise, and stores nothing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_simulation_shows_what_a_draft_would_change(pool: PgPool) {
    let server = Server::start(&pool).await;
    let cancelled = server
        .put(
            "acme",
            "operator",
            &format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"),
            &json!({"mode": "NOW"}),
        )
        .await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    let simulate = async |role: &str, workflow: &str| {
        let body = json!({
            "policy": {"effect": "DENY", "actions": ["workflow.run.cancel"],
                       "resources": [{"kind": "WORKFLOW_NAME", "name": workflow}]},
            "roles": ["operator"],
        });
        server.post("acme", role, "/v1/authorization/simulations", &body).await
    };
    let changed = simulate("auditor", "report").await;
    assert_eq!((changed.status, &changed.body["evaluated"]), (200, &json!(1)), "{}", changed.body);
    let difference = &changed.body["differences"][0];
    assert_eq!(
        (&difference["objectId"], &difference["before"], &difference["after"]),
        (&json!(QUEUED_RUN), &json!(true), &json!(false))
    );
    assert_eq!(simulate("auditor", "invoice").await.body["differences"], json!([]));
    assert_eq!(simulate("viewer", "report").await.status, 403);
    let policies = server.get("acme", "owner", "/v1/policies").await;
    assert_eq!(policies.body["data"], json!([]));
}
