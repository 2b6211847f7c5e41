//! Mutations of roles, policies, invitations, API keys and service accounts.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::graphql::{as_rest, encode};
use crate::http::testing::{ANNA, API_KEY, Answer, INVITATION, POLICY, ROLE, SERVICE_ACCOUNT, Server};

/// ID of no object.
const UNKNOWN: &str = "00000000-0000-4000-8000-00000000dead";

/// Tag of an object with the version 7, which none of them has.
const VERSION_7: &str = "\"7.00112233445566778899aabbccddeeff\"";

/// Returns a server with objects of all kinds.
async fn start(pool: &PgPool) -> Server {
    let server = Server::start(pool).await;
    server.add_users(pool).await;
    server.add_keys(pool).await;
    server.add_roles(pool).await;
    server
}

/// Executes a mutation as the user Anna, and returns its payload.
async fn mutate(server: &Server, name: &str, input: &Value, selection: &str) -> Value {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!(
        "mutation ($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field }} }} }}"
    );
    let body = json!({"query": document, "variables": {"input": input}});
    let answer = server.post_raw(&anna(server), "/graphql", "application/json", &body.to_string()).await;
    let payload = &answer.body["data"][name];
    assert!(payload.is_object(), "{name}: {}", answer.body);
    payload.clone()
}

fn anna(server: &Server) -> String {
    server.issuer.sign(&server.issuer.claims(&json!({"sub": "anna"})))
}

/// Sends a request of REST as the user Anna.
async fn send(server: &Server, (method, path): (&str, &str), key: Option<&str>, body: &Value) -> Answer {
    let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", media);
    let request = request.header("authorization", format!("Bearer {}", anna(server)));
    let request = match (method, key) {
        ("PATCH", _) => request.header("if-match", VERSION_7),
        (_, Some(key)) => request.header("idempotency-key", key),
        (_, None) => request,
    };
    let body = if method == "DELETE" { Body::empty() } else { body.to_string().into() };
    server.send(request.body(body).unwrap()).await
}

/// Returns the code of an error of REST and the field that it concerns.
fn problem(answer: &Answer) -> (String, Value) {
    let error = answer.body["errors"].get(0);
    let code = error.map_or(&answer.body["code"], |error| &error["code"]);
    let pointer = error.and_then(|error| error["pointer"].as_str());
    let field = pointer.map(|pointer| pointer.split('/').skip(1).collect::<Vec<_>>());
    (code.as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_uppercase(), json!(field))
}

/// A creation has the same result by REST and by GraphQL, and an idempotency key of the one is that of the other: a repetition creates
/// nothing and shows no secret.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn creations_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = start(&pool).await;
    let policy = encode("Policy", POLICY);
    let account = encode("ServiceAccount", SERVICE_ACCOUNT);
    let key_fields = "apiKey { id name prefix userId serviceAccountId scopes expiresAt createdAt } secret";
    let rotation = format!("/v1/api-keys/{API_KEY}/rotations");
    for (path, body, mutation, input, object, selection) in [
        (
            "/v1/roles",
            json!({"name": "Audit", "policies": [POLICY]}),
            "createRole",
            json!({"name": "Audit", "policies": [policy]}),
            "role",
            "role { id builtIn name description policies { id } permissions createdAt updatedAt }",
        ),
        (
            "/v1/policies",
            json!({"name": "Own", "effect": "DENY", "actions": ["workflow.run"],
                   "conditions": [{"type": "LABEL_IN", "key": "team", "values": ["finance"]}]}),
            "createPolicy",
            json!({"name": "Own", "effect": "DENY", "actions": ["workflow.run"],
                   "conditions": [{"type": "LABEL_IN", "key": "team", "values": ["finance"]}]}),
            "policy",
            "policy { id name description effect actions resources { kind name key value tag }
               conditions { type key values ranges from to timeZone } createdAt updatedAt }",
        ),
        (
            "/v1/invitations",
            json!({"email": "dora@acme.example", "roles": ["viewer", ROLE]}),
            "createInvitation",
            json!({"email": "dora@acme.example", "roles": ["viewer", encode("Role", ROLE)]}),
            "invitation",
            "invitation { id userId email invitedBy expiresAt acceptedAt delivery deliveryAt deliveryFailure createdAt } token",
        ),
        (
            "/v1/service-accounts",
            json!({"name": "exporter", "roles": ["viewer"]}),
            "createServiceAccount",
            json!({"name": "exporter", "roles": ["viewer"]}),
            "serviceAccount",
            "serviceAccount { id name description roles createdAt }",
        ),
        (
            "/v1/api-keys",
            json!({"name": "n", "scopes": ["workflow.read"]}),
            "createApiKey",
            json!({"name": "n", "scopes": ["workflow.read"]}),
            "apiKey",
            key_fields,
        ),
        (
            "/v1/api-keys",
            json!({"name": "n", "scopes": ["workflow.read"], "serviceAccountId": SERVICE_ACCOUNT}),
            "createApiKey",
            json!({"name": "n", "scopes": ["workflow.read"], "serviceAccountId": account}),
            "apiKey",
            key_fields,
        ),
        (
            rotation.as_str(),
            json!({"overlapSeconds": 60}),
            "rotateApiKey",
            json!({"apiKeyId": encode("ApiKey", API_KEY), "overlapSeconds": 60}),
            "apiKey",
            key_fields,
        ),
    ] {
        let key = format!("{path} {body}");
        let rest = send(&server, ("POST", path), Some(&key), &body).await;
        assert_eq!(rest.status, 201, "{path}: {}", rest.body);
        let mut repeated = input.clone();
        repeated["idempotencyKey"] = json!(key);
        let payload = mutate(&server, mutation, &repeated, selection).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation}");
        let (ty, secrets) = (format!("{}{}", object[..1].to_uppercase(), &object[1..]), ["secret", "token"]);
        let found = as_rest(&ty, payload[object].clone());
        for (field, value) in found.as_object().unwrap() {
            assert_eq!(value, &rest.body[field], "{mutation} {field}");
        }
        for secret in secrets {
            assert_eq!(payload.get(secret).is_some(), rest.body.get(secret).is_some(), "{mutation}");
            assert!(payload[secret].is_null(), "{mutation} shows a secret twice");
        }
        // Without a key, the mutation creates another object, or finds that the name is in use.
        let another = mutate(&server, mutation, &input, selection).await;
        let again = send(&server, ("POST", path), None, &body).await;
        match again.status {
            201 => {
                assert_ne!(another[object]["id"], payload[object]["id"], "{mutation}");
                for secret in secrets {
                    assert_eq!(another[secret].is_string(), rest.body[secret].is_string(), "{mutation}");
                }
            }
            _ => assert_eq!(another["userErrors"][0]["code"], problem(&again).0, "{mutation}"),
        }
        let mut other = input.clone();
        (other["idempotencyKey"], other["clientMutationId"]) = (json!(key), json!("other"));
        match mutation {
            "rotateApiKey" => other["overlapSeconds"] = json!(61),
            "createInvitation" => other["email"] = json!("ernst@acme.example"),
            _ => other["name"] = json!("other"),
        }
        let reused = mutate(&server, mutation, &other, "clientMutationId").await;
        let expected = json!({"clientMutationId": "other", "userErrors": [{"code": "IDEMPOTENCY_KEY_REUSED", "field": null}]});
        assert_eq!(reused, expected, "{mutation}");
    }
}

/// What is refused by REST is refused by GraphQL, with the same codes and for the same fields.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn refusals_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = start(&pool).await;
    let role = |id: &str| format!("/v1/roles/{id}");
    let policy = |id: &str| format!("/v1/policies/{id}");
    let unknown = |ty: &str| encode(ty, UNKNOWN);
    let given = format!("/v1/users/{ANNA}/roles/{ROLE}");
    assert_eq!(send(&server, ("PUT", &given), None, &json!({})).await.status, 200);
    let spec = json!({"name": "Own", "effect": "ALLOW", "actions": ["nonsense"]});
    let cases: Vec<(&str, String, Value, &str, Value)> = vec![
        ("POST", "/v1/roles".into(), json!({"name": "Owner"}), "createRole", json!({"name": "Owner"})),
        ("POST", "/v1/roles".into(), json!({"name": "finance"}), "createRole", json!({"name": "finance"})),
        (
            "POST",
            "/v1/roles".into(),
            json!({"name": "A", "policies": [POLICY, UNKNOWN]}),
            "createRole",
            json!({"name": "A", "policies": [encode("Policy", POLICY), unknown("Policy")]}),
        ),
        (
            "PATCH",
            role(ROLE),
            json!({"name": "B"}),
            "updateRole",
            json!({"roleId": encode("Role", ROLE), "name": "B", "version": 7}),
        ),
        (
            "PATCH",
            role("viewer"),
            json!({"name": "B"}),
            "updateRole",
            json!({"roleId": encode("Role", "viewer"), "name": "B", "version": 7}),
        ),
        (
            "PATCH",
            role(UNKNOWN),
            json!({"name": "B"}),
            "updateRole",
            json!({"roleId": unknown("Role"), "name": "B", "version": 7}),
        ),
        ("DELETE", role(ROLE), Value::Null, "deleteRole", json!({"roleId": encode("Role", ROLE)})),
        ("DELETE", role("owner"), Value::Null, "deleteRole", json!({"roleId": encode("Role", "owner")})),
        ("DELETE", role(UNKNOWN), Value::Null, "deleteRole", json!({"roleId": unknown("Role")})),
        ("POST", "/v1/policies".into(), spec.clone(), "createPolicy", spec),
        (
            "PATCH",
            policy(POLICY),
            json!({"name": "B"}),
            "updatePolicy",
            json!({"policyId": encode("Policy", POLICY), "name": "B", "version": 7}),
        ),
        (
            "PATCH",
            policy(UNKNOWN),
            json!({"name": "B"}),
            "updatePolicy",
            json!({"policyId": unknown("Policy"), "name": "B", "version": 7}),
        ),
        (
            "DELETE",
            policy(POLICY),
            Value::Null,
            "deletePolicy",
            json!({"policyId": encode("Policy", POLICY)}),
        ),
        ("DELETE", policy(UNKNOWN), Value::Null, "deletePolicy", json!({"policyId": unknown("Policy")})),
        (
            "POST",
            "/v1/invitations".into(),
            json!({"email": "bob@acme.example", "roles": ["viewer"]}),
            "createInvitation",
            json!({"email": "bob@acme.example", "roles": ["viewer"]}),
        ),
        (
            "POST",
            "/v1/invitations".into(),
            json!({"email": "nobody", "roles": ["viewer"]}),
            "createInvitation",
            json!({"email": "nobody", "roles": ["viewer"]}),
        ),
        (
            "DELETE",
            format!("/v1/invitations/{UNKNOWN}"),
            Value::Null,
            "revokeInvitation",
            json!({"invitationId": unknown("Invitation")}),
        ),
        (
            "POST",
            "/v1/service-accounts".into(),
            json!({"name": "exporter", "roles": ["viewer", UNKNOWN]}),
            "createServiceAccount",
            json!({"name": "exporter", "roles": ["viewer", unknown("Role")]}),
        ),
        (
            "DELETE",
            format!("/v1/service-accounts/{UNKNOWN}"),
            Value::Null,
            "deleteServiceAccount",
            json!({"serviceAccountId": unknown("ServiceAccount")}),
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "n", "scopes": ["nonsense"]}),
            "createApiKey",
            json!({"name": "n", "scopes": ["nonsense"]}),
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "n", "scopes": ["workflow"], "serviceAccountId": UNKNOWN}),
            "createApiKey",
            json!({"name": "n", "scopes": ["workflow"], "serviceAccountId": unknown("ServiceAccount")}),
        ),
        (
            "POST",
            format!("/v1/api-keys/{API_KEY}/rotations"),
            json!({"overlapSeconds": -1}),
            "rotateApiKey",
            json!({"apiKeyId": encode("ApiKey", API_KEY), "overlapSeconds": -1}),
        ),
        (
            "POST",
            format!("/v1/api-keys/{UNKNOWN}/rotations"),
            json!({}),
            "rotateApiKey",
            json!({"apiKeyId": unknown("ApiKey")}),
        ),
        (
            "DELETE",
            format!("/v1/api-keys/{UNKNOWN}"),
            Value::Null,
            "revokeApiKey",
            json!({"apiKeyId": unknown("ApiKey")}),
        ),
    ];
    for (method, path, body, mutation, input) in cases {
        let rest = send(&server, (method, &path), None, &body).await;
        assert!((400..500).contains(&rest.status), "{method} {path}: {} {}", rest.status, rest.body);
        let payload = mutate(&server, mutation, &input, "clientMutationId").await;
        let (code, field) = problem(&rest);
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!(code), &field),
            "{mutation} {input}: {}",
            rest.body
        );
    }
}

/// What GraphQL changes and deletes is changed and deleted for REST.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn changes_by_graphql_are_those_of_rest(pool: PgPool) {
    let server = start(&pool).await;
    let get = async |path: String| server.with_token(&anna(&server), &path).await;
    let input =
        json!({"roleId": encode("Role", ROLE), "policies": [], "description": "Nothing", "version": 1});
    let changed = mutate(&server, "updateRole", &input, "role { version permissions }").await;
    assert_eq!(changed, json!({"role": {"version": 2, "permissions": []}, "userErrors": []}));
    let role = get(format!("/v1/roles/{ROLE}")).await;
    assert_eq!((&role.body["description"], &role.body["policies"]), (&json!("Nothing"), &json!([])));
    let resources = json!([{"kind": "WORKFLOW_LABEL", "key": "team", "value": "sales"}]);
    let input = json!({"policyId": encode("Policy", POLICY), "resources": resources, "version": 1});
    let changed = mutate(&server, "updatePolicy", &input, "policy { version }").await;
    assert_eq!(changed, json!({"policy": {"version": 2}, "userErrors": []}));
    assert_eq!(get(format!("/v1/policies/{POLICY}")).await.body["resources"], resources);
    let wrong = json!([{"kind": "WORKFLOW_LABEL", "key": "team", "tag": "sales"}]);
    let input = json!({"policyId": encode("Policy", POLICY), "resources": wrong, "version": 2});
    let refused = mutate(&server, "updatePolicy", &input, "policy { version }").await;
    let errors = json!([{"code": "INVALID", "field": ["resources", "0"]}]);
    assert_eq!(refused, json!({"policy": null, "userErrors": errors}));
    for (mutation, input, deleted, path) in [
        ("deleteRole", ("roleId", encode("Role", ROLE)), "deletedRoleId", format!("/v1/roles/{ROLE}")),
        (
            "revokeInvitation",
            ("invitationId", encode("Invitation", INVITATION)),
            "revokedInvitationId",
            format!("/v1/invitations/{INVITATION}"),
        ),
        (
            "revokeApiKey",
            ("apiKeyId", encode("ApiKey", API_KEY)),
            "revokedApiKeyId",
            format!("/v1/api-keys/{API_KEY}"),
        ),
        (
            "deleteServiceAccount",
            ("serviceAccountId", encode("ServiceAccount", SERVICE_ACCOUNT)),
            "deletedServiceAccountId",
            format!("/v1/service-accounts/{SERVICE_ACCOUNT}"),
        ),
    ] {
        assert_eq!(get(path.clone()).await.status, 200, "{path}");
        let (name, id) = input;
        let payload = mutate(&server, mutation, &json!({name: id}), deleted).await;
        assert_eq!(payload, json!({deleted: id, "userErrors": []}), "{mutation}");
        assert_eq!(get(path.clone()).await.status, 404, "{path}");
    }
    let events = server.with_token(&anna(&server), "/v1/audit-events?limit=100").await;
    let actions: Vec<_> =
        events.body["data"].as_array().unwrap().iter().map(|event| &event["operation"]).collect();
    for mutation in ["updateRole", "updatePolicy", "deleteRole", "revokeApiKey", "deleteServiceAccount"] {
        assert!(
            actions.contains(&&json!(format!("Mutation.{mutation}"))),
            "{mutation} is not in {actions:?}"
        );
    }
}
