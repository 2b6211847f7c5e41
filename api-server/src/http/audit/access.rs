//! Tests of the audit events of users, roles, policies and keys, and of reads that are refused.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{Answer, Server};

/// Sends a request of an owner of acme.
async fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let media = if method == "PATCH" && path.starts_with("/v1") {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = Request::builder().method(method).uri(path).header("content-type", media);
    let request = request.header("authorization", format!("Bearer {}", server.issuer.token("acme", "owner")));
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    server.send(request.header("if-match", "*").body(body).unwrap()).await
}

/// Returns the kind of the object of the newest event of acme, and its changes: `+` for a value after, `-` for one before.
async fn newest(server: &Server) -> (String, String) {
    let event = server.get("acme", "auditor", "/v1/audit-events?limit=1").await.body["data"][0].clone();
    assert_eq!(event["outcome"], "SUCCEEDED", "{event}");
    let name = |change: &Value| {
        let mark = |field: &str, mark| change.get(field).map(|_| mark).unwrap_or_default();
        format!("{}{}{}", mark("before", "-"), mark("after", "+"), change["field"].as_str().unwrap())
    };
    let changes: Vec<_> =
        event["changes"].as_array().unwrap_or_else(|| panic!("{event}")).iter().map(name).collect();
    let kind = event["object"]["kind"].as_str().unwrap_or_else(|| panic!("{event}"));
    (kind.to_owned(), changes.join(" "))
}

/// Every change of who may do what has an event with the values before and after it, and no event has a secret.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
#[allow(clippy::too_many_lines)] // a table
async fn every_change_of_access_has_both_values(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (mut id, mut secrets) = (String::new(), Vec::new());
    let mut policy = String::new();
    for (method, path, body, kind, changes) in [
        (
            "POST",
            "/v1/policies",
            json!({"name": "p", "effect": "ALLOW", "actions": ["workflow.read"]}),
            "POLICY",
            "+/actions +/conditions +/description +/effect +/name +/resources",
        ),
        ("PATCH", "/v1/policies/{id}", json!({"name": "q"}), "POLICY", "-+/name"),
        (
            "POST",
            "/v1/roles",
            json!({"name": "r", "policies": ["{policy}"]}),
            "ROLE",
            "+/description +/name +/policies",
        ),
        ("PATCH", "/v1/roles/{id}", json!({"policies": []}), "ROLE", "-+/policies"),
        ("DELETE", "/v1/roles/{id}", Value::Null, "ROLE", "-/description -/name -/policies"),
        (
            "DELETE",
            "/v1/policies/{policy}",
            Value::Null,
            "POLICY",
            "-/actions -/conditions -/description -/effect -/name -/resources",
        ),
        (
            "POST",
            "/v1/users",
            json!({"email": "dora@acme.example", "roles": ["viewer"]}),
            "USER",
            "+/email +/roles",
        ),
        ("PATCH", "/v1/users/{id}", json!({"displayName": "Dora"}), "USER", "+/displayName"),
        ("PUT", "/v1/users/{id}/roles/builder", Value::Null, "USER", "-+/roles"),
        ("DELETE", "/v1/users/{id}/roles/viewer", Value::Null, "USER", "-+/roles"),
        ("PUT", "/v1/users/{id}/deactivation", Value::Null, "USER", "-+/status"),
        ("DELETE", "/v1/users/{id}/deactivation", Value::Null, "USER", "-+/status"),
        (
            "PATCH",
            "/scim/v2/Users/{id}",
            json!({"Operations": [{"op": "replace", "path": "active", "value": false}]}),
            "USER",
            "-+/status",
        ),
        ("DELETE", "/v1/users/{id}", Value::Null, "USER", "-/status"),
        (
            "POST",
            "/v1/invitations",
            json!({"email": "emil@acme.example", "roles": ["viewer"]}),
            "INVITATION",
            "+/email +/roles",
        ),
        ("DELETE", "/v1/invitations/{id}", Value::Null, "INVITATION", "-/email"),
        (
            "POST",
            "/v1/service-accounts",
            json!({"name": "robot", "roles": ["viewer"]}),
            "SERVICE_ACCOUNT",
            "+/roles",
        ),
        (
            "POST",
            "/v1/api-keys",
            json!({"name": "k", "scopes": ["workflow.read"], "serviceAccountId": "{id}"}),
            "API_KEY",
            "+/prefix +/scopes +/expiresAt",
        ),
        (
            "POST",
            "/v1/api-keys/{id}/rotations",
            json!({"overlapSeconds": 0}),
            "API_KEY",
            "-+/prefix +/replacedBy",
        ),
        ("DELETE", "/v1/api-keys/{id}", Value::Null, "API_KEY", "-/prefix"),
        (
            "POST",
            "/scim/v2/Groups",
            json!({"displayName": "g", "externalId": "1"}),
            "ROLE",
            "+/name +/externalId",
        ),
        (
            "PATCH",
            "/scim/v2/Groups/{id}",
            json!({"Operations": [{"op": "replace", "path": "displayName", "value": "h"}]}),
            "ROLE",
            "-+/name",
        ),
        ("DELETE", "/scim/v2/Groups/{id}", Value::Null, "ROLE", "-/description -/name -/policies"),
    ] {
        let text = body.to_string().replace("{id}", &id).replace("{policy}", &policy);
        let target = path.replace("{id}", &id).replace("{policy}", &policy);
        let answer = send(&server, method, &target, &serde_json::from_str(&text).unwrap()).await;
        assert!((200..300).contains(&answer.status), "{method} {target}: {} {}", answer.status, answer.body);
        assert_eq!(newest(&server).await, (kind.to_owned(), changes.to_owned()), "{method} {path}");
        id = answer.body["id"].as_str().map_or(id, str::to_owned);
        policy = if path == "/v1/policies" { id.clone() } else { policy };
        let secret = ["secret", "token"].iter().find_map(|field| answer.body[*field].as_str());
        secrets.extend(secret.map(str::to_owned));
    }
    assert_eq!(secrets.len(), 3, "an invitation, and two keys");
    let rows: Vec<String> =
        sqlx::query_scalar("select e::text from audit_events e").fetch_all(&pool).await.unwrap();
    for secret in secrets {
        // A prefix is shown, so that a key is found.
        let (_, private) = secret.split_at(14);
        assert!(rows.iter().all(|row| !row.contains(private)), "a row has a secret");
    }
}

/// A read that is refused has an event, once a minute, by REST and GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn refused_reads_are_sampled(pool: PgPool) {
    let server = Server::start(&pool).await;
    for _ in 0..3 {
        assert_eq!(server.get("acme", "viewer", "/v1/audit-events").await.status, 403);
        let refused = server.graphql("viewer", "{ auditEvents { nodes { id } } }", json!({})).await;
        assert_eq!(refused.body["errors"][0]["extensions"]["code"], "FORBIDDEN", "{}", refused.body);
    }
    let events = server.get("acme", "auditor", "/v1/audit-events").await.body;
    let events = events["data"].as_array().unwrap();
    for operation in ["GET /v1/audit-events", "Query.auditEvents"] {
        let found: Vec<_> = events.iter().filter(|event| event["operation"] == operation).collect();
        let [event] = found[..] else { panic!("{found:?}") };
        assert_eq!(
            (&event["outcome"], &event["code"], &event["action"]),
            (&json!("REFUSED"), &json!("forbidden"), &json!("audit.read"))
        );
    }
    assert_eq!(events.len(), 2, "a permitted read has no event: {events:?}");
}
