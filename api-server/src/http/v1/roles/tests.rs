//! Tests of roles.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{ANNA, Answer, BOB, ROLE, Server};

async fn create(server: &Server, body: &Value) -> Answer {
    server.post("acme", "owner", "/v1/roles", body).await
}

async fn policy(server: &Server, name: &str, action: &str) -> String {
    let body = json!({"name": name, "effect": "ALLOW", "actions": [action]});
    let created = server.post("acme", "owner", "/v1/policies", &body).await;
    created.body["id"].as_str().unwrap_or_else(|| panic!("{}", created.body)).to_owned()
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

async fn patch(server: &Server, path: &str, if_match: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", if_match)];
    server.patch("acme", "owner", path, &headers, &body.to_string()).await
}

/// A role is listed with the built-in ones, shows what it gives, and is changed with its tag and deleted.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_role_is_created_changed_and_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let read = policy(&server, "Read", "workflow.read").await;
    let start = policy(&server, "Start", "workflow.run.create").await;
    let created = create(&server, &json!({"name": "Finance", "policies": [read, start]})).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body["permissions"], json!(["workflow.read", "workflow.run.create"]));
    let path = created.headers["location"].to_str().unwrap();
    let found = server.get("acme", "auditor", path).await;
    assert_eq!((found.status, &found.body), (200, &created.body));
    let tag = found.headers["etag"].to_str().unwrap();
    let changed = patch(&server, path, tag, &json!({"policies": [read], "description": "Reads"})).await;
    assert_eq!(
        (changed.status, &changed.body["permissions"]),
        (200, &json!(["workflow.read"])),
        "{}",
        changed.body
    );
    assert_eq!(
        code(&patch(&server, path, tag, &json!({"name": "Other"})).await),
        (412, "precondition_failed")
    );
    // A policy that a role has is not deleted.
    let used = server.request("acme", "owner", "DELETE", &format!("/v1/policies/{read}")).await;
    assert_eq!(code(&used), (409, "conflict"));
    assert!(used.body["detail"].as_str().unwrap().contains("Finance"), "{}", used.body);
    assert_eq!(server.request("acme", "owner", "DELETE", path).await.status, 204);
    assert_eq!(code(&server.get("acme", "owner", path).await), (404, "not_found"));
    assert_eq!(server.request("acme", "owner", "DELETE", &format!("/v1/policies/{read}")).await.status, 204);
}

/// Paging through the roles returns the built-in ones and those of the tenant once each.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn pages_have_every_role_once(pool: PgPool) {
    let server = Server::start(&pool).await;
    for name in ["One", "Two", "Three"] {
        assert_eq!(create(&server, &json!({"name": name})).await.status, 201);
    }
    assert_eq!(server.post("globex", "owner", "/v1/roles", &json!({"name": "Foreign"})).await.status, 201);
    for sort in ["createdAt", "-createdAt"] {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/roles?limit=4&include=totalCount&sort={sort}{cursor}");
            let page = server.get("acme", "admin", &path).await.body;
            assert_eq!(page["page"]["totalCount"], "11", "{page}");
            names.extend(
                page["data"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()),
            );
            match page["page"]["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut expected = [
            "auditor", "billing", "viewer", "member", "operator", "builder", "admin", "owner", "One", "Two",
            "Three",
        ]
        .to_vec();
        if sort == "-createdAt" {
            expected.reverse();
        }
        assert_eq!(names, expected, "{sort}");
    }
}

/// Built-in roles can be read by their name, and not be changed, deleted or imitated.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn built_in_roles_are_immutable(pool: PgPool) {
    let server = Server::start(&pool).await;
    let viewer = server.get("acme", "admin", "/v1/roles/viewer").await;
    assert_eq!(
        (viewer.status, &viewer.body["builtIn"], &viewer.body["id"]),
        (200, &json!(true), &json!("viewer"))
    );
    assert_eq!(
        code(&patch(&server, "/v1/roles/viewer", "*", &json!({"name": "Mine"})).await),
        (409, "conflict")
    );
    assert_eq!(code(&server.request("acme", "owner", "DELETE", "/v1/roles/viewer").await), (409, "conflict"));
    let imitated = create(&server, &json!({"name": "Owner"})).await;
    assert_eq!(
        (code(&imitated), &imitated.body["errors"][0]["pointer"]),
        ((422, "invalid"), &json!("/name"))
    );
    for role in ["platform-admin", "nobody"] {
        assert_eq!(
            code(&server.get("acme", "admin", &format!("/v1/roles/{role}")).await),
            (404, "not_found")
        );
    }
}

/// Refused roles have their own codes.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn refused_roles_have_their_own_codes(pool: PgPool) {
    let server = Server::start(&pool).await;
    let read = policy(&server, "Read", "workflow.read").await;
    assert_eq!(create(&server, &json!({"name": "Finance"})).await.status, 201);
    assert_eq!(code(&create(&server, &json!({"name": "finance"})).await), (409, "already_exists"));
    for (body, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "A", "policies": [read, read]}), "/policies/1"),
        (json!({"name": "A", "policies": ["019ad3c4-0000-7000-8000-000000000000"]}), "/policies/0"),
        (json!({"name": "A", "policies": vec![read.clone(); 21]}), "/policies"),
        (json!({"name": "A", "description": "x".repeat(1_001)}), "/description"),
    ] {
        let answer = create(&server, &body).await;
        assert_eq!(
            (code(&answer), &answer.body["errors"][0]["pointer"]),
            ((422, "invalid"), &json!(pointer)),
            "{body}"
        );
    }
    let viewer = server.post("acme", "viewer", "/v1/roles", &json!({"name": "A"})).await;
    assert_eq!(code(&viewer), (403, "forbidden"));
}

/// A retry of a creation with the same key creates one role, also once it is deleted.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_retry_creates_one_role(pool: PgPool) {
    let server = Server::start(&pool).await;
    let body = json!({"name": "Finance"});
    let first = server.post_with_key("acme", "owner", "/v1/roles", &body, "one").await;
    let retried = server.post_with_key("acme", "owner", "/v1/roles", &body, "one").await;
    assert_eq!((first.status, retried.status, &first.body), (201, 201, &retried.body));
    assert_eq!(retried.headers["idempotent-replayed"], "true");
    let path = format!("/v1/roles/{}", first.body["id"].as_str().unwrap());
    assert_eq!(server.request("acme", "owner", "DELETE", &path).await.status, 204);
    let retried = server.post_with_key("acme", "owner", "/v1/roles", &body, "one").await;
    assert_eq!(code(&retried), (409, "conflict"), "{}", retried.body);
}

/// Two requests that create roles of the same name at the same time create one of them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn names_are_unique_also_at_the_same_time(pool: PgPool) {
    let server = Server::start(&pool).await;
    let body = json!({"name": "Finance"});
    let create = || create(&server, &body);
    let (one, two, three) = tokio::join!(create(), create(), create());
    let mut statuses = [one.status, two.status, three.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

/// The permission tree has every permission of a tenant, and none of the platform.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_permission_tree_is_that_of_a_tenant(pool: PgPool) {
    let server = Server::start(&pool).await;
    let tree = server.get("acme", "auditor", "/v1/permissions").await.body;
    let names: Vec<_> =
        tree["data"].as_array().unwrap().iter().map(|leaf| leaf["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"workflow.run.create") && names.is_sorted());
    assert!(!names.iter().any(|name| name.starts_with("platform")));
}

/// A role that a user, an invited person or a service account has is not deleted, and the answer says how many have it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_role_in_use_is_not_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    server.add_roles(&pool).await;
    let role = format!("/v1/roles/{ROLE}");
    let refused = async |expected: &str| {
        let answer = server.request("acme", "owner", "DELETE", &role).await;
        assert_eq!(code(&answer), (409, "conflict"), "{}", answer.body);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("the role of {expected};")), "{detail}");
    };
    let account = json!({"name": "importer", "roles": [ROLE]});
    let account = server.post("acme", "owner", "/v1/service-accounts", &account).await;
    refused("1 service account").await;
    let invitation = json!({"email": "dora@acme.example", "roles": ["viewer", ROLE]});
    let invited = server.post("acme", "owner", "/v1/invitations", &invitation).await;
    refused("1 invited person, 1 service account").await;
    for user in [ANNA, BOB] {
        let path = format!("/v1/users/{user}/roles/{ROLE}");
        assert_eq!(server.put("acme", "owner", &path, &json!({})).await.status, 200);
    }
    refused("2 users, 1 invited person, 1 service account").await;
    let paths = [
        format!("/v1/service-accounts/{}", account.body["id"].as_str().unwrap()),
        format!("/v1/users/{}", invited.body["userId"].as_str().unwrap()),
        format!("/v1/users/{ANNA}/roles/{ROLE}"),
        format!("/v1/users/{BOB}/roles/{ROLE}"),
    ];
    for path in paths {
        let answer = server.request("acme", "owner", "DELETE", &path).await;
        assert!([200, 204].contains(&answer.status), "{path}: {}", answer.body);
    }
    assert_eq!(server.request("acme", "owner", "DELETE", &role).await.status, 204);
}

/// A role that is given and deleted at the same time is either given or deleted, and nobody has a role that does not exist.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_role_is_given_or_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    for number in 0..8 {
        let role = create(&server, &json!({"name": format!("Role {number}")})).await.body["id"].clone();
        let id = role.as_str().unwrap();
        let (given, deleted) = (format!("/v1/users/{BOB}/roles/{id}"), format!("/v1/roles/{id}"));
        let nothing = json!({});
        let (given, deleted) = tokio::join!(
            server.put("acme", "owner", &given, &nothing),
            server.request("acme", "owner", "DELETE", &deleted)
        );
        let statuses = (given.status, deleted.status);
        assert!([(200, 409), (422, 204)].contains(&statuses), "{statuses:?}: {}", given.body);
    }
}
