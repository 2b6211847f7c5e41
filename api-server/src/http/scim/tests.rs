//! Tests with the requests of identity providers, as their public documentation shows them.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{ANNA, Answer, BOB, CARA, Server};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// All that an admin may do.
const SCOPES: [&str; 17] = [
    "tenant",
    "user",
    "role",
    "policy",
    "authorization",
    "api-key",
    "service-account",
    "document",
    "chunk",
    "search",
    "workflow",
    "event",
    "audit",
    "usage",
    "schema",
    "plan",
    "billing.read",
];

/// Identity provider with an API key of a service account of acme.
pub(super) struct Client<'a> {
    server: &'a Server,
    pub(super) key: String,
}

impl<'a> Client<'a> {
    /// Creates the account with a role and a key.
    async fn create(server: &'a Server, name: &str, role: &str, scopes: &[&str]) -> Self {
        let account = json!({"name": name, "roles": [role]});
        let account = server.post("acme", "owner", "/v1/service-accounts", &account).await;
        let key = json!({"name": "scim", "scopes": scopes, "serviceAccountId": account.body["id"]});
        let key = server.post("acme", "owner", "/v1/api-keys", &key).await;
        assert_eq!(key.status, 201, "{} {}", account.body, key.body);
        Self { server, key: key.body["secret"].as_str().unwrap().to_owned() }
    }

    pub(super) async fn admin(server: &'a Server) -> Self {
        Self::create(server, "okta", "admin", &SCOPES).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/scim/v2{path}"));
        request = request.header("authorization", format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.server.send(request.header("content-type", "application/scim+json").body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &Value::Null).await
    }

    async fn filter(&self, resource: &str, filter: &str) -> Answer {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        self.get(&format!("/{resource}?filter={query}")).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body).await
    }

    async fn patch(&self, path: &str, operations: &Value) -> Answer {
        self.send("PATCH", path, &[], &json!({"schemas": [PATCH_OP], "Operations": operations})).await
    }
}

/// Status, and type of an error or a text of its detail.
fn error(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.headers["content-type"], "application/scim+json", "{}", answer.body);
    assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(answer.body["status"], answer.status.to_string());
    (answer.status, answer.body["scimType"].as_str().unwrap_or_default())
}

fn id(answer: &Answer) -> String {
    answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

fn okta_user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "test.user@okta.local",
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": true, "value": "test.user@okta.local", "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": true
    })
}

/// A user goes through the life that Okta gives it: it is searched, created, read, replaced, deactivated and reactivated.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn okta_manages_a_user(pool: PgPool) {
    let server = Server::start(&pool).await;
    let okta = Client::admin(&server).await;
    let found = okta.filter("Users", "userName eq \"test.user@okta.local\"").await;
    assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(0)), "{}", found.body);
    let created = okta.post("/Users", &okta_user()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let user = id(&created);
    assert_eq!(created.headers["location"], format!("/scim/v2/Users/{user}"));
    assert_eq!(created.headers["content-type"], "application/scim+json");
    assert_eq!(created.body["meta"]["version"], created.headers["etag"].to_str().unwrap());
    for (pointer, value) in [
        ("/userName", json!("test.user@okta.local")),
        ("/name", json!({"formatted": "Test User", "givenName": "Test", "familyName": "User"})),
        ("/emails", json!([{"value": "test.user@okta.local", "type": "work", "primary": true}])),
        ("/displayName", json!("Test User")),
        ("/externalId", json!("00ujl29u0le5T6Aj10h7")),
        ("/active", json!(true)),
        ("/groups/0/value", json!("member")),
    ] {
        assert_eq!(created.body.pointer(pointer), Some(&value), "{pointer}");
    }
    assert!(!created.body.to_string().contains("1mz050nq"), "passwords are not stored");
    assert_eq!(error(&okta.post("/Users", &okta_user()).await), (409, "uniqueness"));
    let found = okta.filter("Users", "userName eq \"TEST.user@okta.local\"").await;
    assert_eq!(found.body["Resources"], json!([created.body]), "{}", found.body);
    let mut replaced = created.body.clone();
    replaced["name"] = json!({"givenName": "Another", "familyName": "User"});
    replaced.as_object_mut().unwrap().remove("displayName");
    let path = format!("/Users/{user}");
    let answer = okta.send("PUT", &path, &[], &replaced).await;
    assert_eq!(
        (answer.status, &answer.body["displayName"]),
        (200, &json!("Another User")),
        "{}",
        answer.body
    );
    for (active, status) in [(false, "DEACTIVATED"), (true, "INVITED")] {
        let answer = okta.patch(&path, &json!([{"op": "replace", "value": {"active": active}}])).await;
        assert_eq!((answer.status, &answer.body["active"]), (200, &json!(active)));
        let rest = server.get("acme", "owner", &format!("/v1/users/{user}")).await;
        assert_eq!(rest.body["status"], status);
    }
    let events = server.get("acme", "owner", "/v1/audit-events?action=user.update&sort=createdAt").await;
    let fields = |event: &Value| {
        event["changes"].as_array().unwrap().iter().map(|change| change["field"].clone()).collect::<Vec<_>>()
    };
    let events: Vec<_> = events.body["data"].as_array().unwrap().iter().map(fields).collect();
    assert_eq!(json!(events), json!([["/displayName", "/givenName"], ["/status"], ["/status"]]));
    assert_eq!(okta.send("DELETE", &path, &[], &Value::Null).await.status, 204);
    assert_eq!(error(&okta.get(&path).await), (404, ""));
}

/// Entra ID names a user by something that is no address, and writes truth values as texts.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn entra_manages_a_user(pool: PgPool) {
    let server = Server::start(&pool).await;
    let entra = Client::admin(&server).await;
    let name = "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1";
    let email = "Test_User_fd0ea19b-0777-472c-9f96-4f70d2226f2e@testuser.com";
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": name,
        "active": true,
        "emails": [{"primary": true, "type": "work", "value": email}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
        "roles": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}
    });
    let created = entra.post("/Users", &body).await;
    assert_eq!((created.status, &created.body["userName"]), (201, &json!(name)), "{}", created.body);
    let path = format!("/Users/{}", id(&created));
    for filter in [
        format!("userName eq \"{}\"", name.to_uppercase()),
        "externalId eq \"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef\"".to_owned(),
        format!("emails[type eq \"work\" and value eq \"{email}\"]"),
        format!("emails[type eq \"work\"].value eq \"{email}\""),
        format!("emails.value eq \"{email}\" and active eq \"True\""),
        format!("(userName eq \"{name}\") and emails[type eq \"work\"]"),
    ] {
        let found = entra.filter("Users", &filter).await;
        assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(1)), "{filter}: {}", found.body);
    }
    for filter in [
        format!("userName eq \"{email}\""),
        format!("userName eq \"{name}\" and active eq false"),
        format!("userName eq \"{name}\" and userName eq \"other\""),
        "emails[type eq \"home\"]".to_owned(),
        "id eq \"7\"".to_owned(),
    ] {
        let found = entra.filter("Users", &filter).await;
        assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(0)), "{filter}: {}", found.body);
    }
    let changed = entra
        .patch(
            &path,
            &json!([
                {"op": "Replace", "path": "userName", "value": "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com"},
                {"op": "Replace", "path": "name.familyName", "value": "updatedFamilyName"},
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT"}
            ]),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["name"]["familyName"], "updatedFamilyName");
    assert_eq!(
        (&changed.body["active"], &changed.body["userName"]),
        (&json!(false), &json!("5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com"))
    );
    // An operation that cannot be done undoes the others.
    let refused = entra
        .patch(
            &path,
            &json!([
                {"op": "Replace", "path": "name.familyName", "value": "again"},
                {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updatedEmail@microsoft.com"}
            ]),
        )
        .await;
    assert_eq!(error(&refused), (400, "mutability"), "{}", refused.body);
    assert_eq!(entra.get(&path).await.body["name"]["familyName"], "updatedFamilyName");
}

/// Groups are the roles of the tenant: Entra ID finds them by their names, creates others, and changes their members.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn groups_are_roles(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let entra = Client::admin(&server).await;
    let found = entra.get("/Groups?excludedAttributes=members&filter=displayName%20eq%20%22Builder%22").await;
    assert_eq!(
        (&found.body["totalResults"], &found.body["Resources"][0]["id"]),
        (&json!(1), &json!("builder")),
        "{}",
        found.body
    );
    assert!(found.body["Resources"][0].get("members").is_none());
    let members = |answer: &Answer| {
        let members = answer.body["members"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let add = json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": CARA}]}]);
    let added = entra.patch("/Groups/builder", &add).await;
    assert_eq!(
        (added.status, members(&added)),
        (200, vec![BOB.to_owned(), CARA.to_owned()]),
        "{}",
        added.body
    );
    let cara = server.get("acme", "owner", &format!("/v1/users/{CARA}")).await;
    assert_eq!(cara.body["roles"], json!(["builder", "viewer"]));
    let member_filter = format!("id eq \"builder\" and members eq \"{CARA}\"");
    assert_eq!(entra.filter("Groups", &member_filter).await.body["totalResults"], 1);
    let remove = json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": CARA}]}]);
    assert_eq!(members(&entra.patch("/Groups/builder", &remove).await), [BOB]);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
                    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "Finance",
        "members": [],
        "meta": {"resourceType": "Group"}
    });
    let created = entra.post("/Groups", &group).await;
    assert_eq!((created.status, &created.body["members"]), (201, &json!([])), "{}", created.body);
    let role = id(&created);
    assert_eq!(created.headers["location"], format!("/scim/v2/Groups/{role}"));
    assert_eq!(error(&entra.post("/Groups", &group).await), (409, "uniqueness"));
    let rest = server.get("acme", "owner", &format!("/v1/roles/{role}")).await;
    assert_eq!(
        (&rest.body["name"], &rest.body["policies"]),
        (&json!("Finance"), &json!([])),
        "{}",
        rest.body
    );
    // Okta writes the members that it removes into the path, and sends the ID of the group as a value.
    let path = format!("/Groups/{role}");
    let okta = json!([
        {"op": "replace", "value": {"id": role, "displayName": "Accounting"}},
        {"op": "remove", "path": format!("members[value eq \"{BOB}\"]")},
        {"op": "add", "path": "members", "value": [{"value": BOB, "display": "bob@acme.example"}, {"value": CARA}]}
    ]);
    let changed = entra.patch(&path, &okta).await;
    assert_eq!(
        (changed.status, &changed.body["displayName"]),
        (200, &json!("Accounting")),
        "{}",
        changed.body
    );
    assert_eq!(members(&changed), [BOB, CARA]);
    let tag = changed.headers["etag"].to_str().unwrap().to_owned();
    let replace = json!({"displayName": "Accounting", "externalId": "x", "members": [{"value": CARA}]});
    let replaced = entra.send("PUT", &path, &[("if-match", &tag)], &replace).await;
    assert_eq!((replaced.status, members(&replaced)), (200, vec![CARA.to_owned()]), "{}", replaced.body);
    let stale = entra.send("PUT", &path, &[("if-match", &tag)], &replace).await;
    assert_eq!(error(&stale), (412, ""));
    let events = server.get("acme", "owner", "/v1/audit-events?action=user.role.assign&sort=createdAt").await;
    let first = &events.body["data"][0];
    assert_eq!(first["object"]["name"], "builder");
    assert_eq!(first["changes"], json!([{"field": "/members/added", "after": [CARA]}]), "{first}");
    for (method, path, body) in [
        ("PUT", "/Groups/builder", json!({"displayName": "Builders", "members": [{"value": BOB}]})),
        ("DELETE", "/Groups/builder", Value::Null),
    ] {
        assert_eq!(error(&entra.send(method, path, &[], &body).await), (400, "mutability"), "{method}");
    }
    // A group with members is not deleted, as a role that somebody has is not.
    assert_eq!(entra.send("DELETE", &path, &[], &Value::Null).await.status, 409);
    let emptied = json!([{"op": "remove", "path": format!("members[value eq \"{CARA}\"]")}]);
    assert_eq!(entra.patch(&path, &emptied).await.status, 200);
    assert_eq!(entra.send("DELETE", &path, &[], &Value::Null).await.status, 204);
    assert_eq!(error(&entra.get(&path).await), (404, ""));
    let cara = entra.get(&format!("/Users/{CARA}")).await;
    assert_eq!(cara.body["groups"].as_array().unwrap().len(), 1, "{}", cara.body);
}

/// An identity provider can do neither what its service account may not do, nor what nobody may do, and another tenant sees nothing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_rules_of_users_hold(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let (admin, owner) = (
        Client::admin(&server).await,
        Client::create(&server, "root", "owner", &[&SCOPES[..16], &["billing"]].concat()).await,
    );
    let deactivate = json!([{"op": "replace", "path": "active", "value": false}]);
    let anna = format!("/Users/{ANNA}");
    // An admin changes no owner, and makes nobody an owner.
    assert_eq!(error(&admin.patch(&anna, &deactivate).await), (403, ""));
    let add = json!([{"op": "add", "path": "members", "value": [{"value": BOB}]}]);
    assert_eq!(error(&admin.patch("/Groups/owner", &add).await), (403, ""));
    // The last active owner remains.
    let last = owner.patch(&anna, &deactivate).await;
    assert_eq!(error(&last), (409, ""), "{}", last.body);
    assert!(last.body["detail"].as_str().unwrap().contains("owner"), "{}", last.body);
    assert_eq!(error(&owner.send("DELETE", &anna, &[], &Value::Null).await), (409, ""));
    let nobody = json!([{"op": "remove", "path": "members"}]);
    for group in ["/Groups/owner", "/Groups/builder"] {
        let answer = owner.patch(group, &nobody).await;
        assert_eq!(error(&answer), (400, "invalidValue"), "no other role: {}", answer.body);
    }
    // A successor is added by the same request.
    let member = json!([{"op": "add", "path": "members", "value": [{"value": ANNA}]}]);
    assert_eq!(owner.patch("/Groups/viewer", &member).await.status, 200);
    assert_eq!(error(&owner.patch("/Groups/owner", &nobody).await), (409, ""));
    let swap = json!([{"op": "replace", "path": "members", "value": [{"value": BOB}]}]);
    assert_eq!(owner.patch("/Groups/owner", &swap).await.status, 200);
    // A narrow key gives nobody the role that all new users have.
    let narrow = Client::create(&server, "narrow", "admin", &["user", "role.read"]).await;
    assert_eq!(error(&narrow.post("/Users", &okta_user()).await), (403, ""));
    let unknown = "d0000000-0000-4000-8000-00000000ffff";
    let add = json!([{"op": "add", "path": "members", "value": [{"value": unknown}]}]);
    assert_eq!(error(&admin.patch("/Groups/viewer", &add).await), (400, "invalidValue"));
    let reader = Client::create(&server, "reader", "auditor", &["user"]).await;
    assert_eq!(error(&reader.patch(&anna, &deactivate).await), (403, ""));
    assert_eq!(reader.get(&anna).await.status, 200);
    let foreign = server.get("globex", "owner", &format!("/scim/v2{anna}")).await;
    assert_eq!(error(&foreign), (404, ""));
    assert_eq!(server.get("globex", "owner", "/scim/v2/Users").await.body["totalResults"], 0);
    let anonymous = server.anonymous("/scim/v2/Users").await;
    assert_eq!(error(&anonymous), (401, ""));
}

/// An invited user who is deactivated takes the address from nobody, and can log in for the first time after it is reactivated.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_deactivated_invitation_blocks_no_address(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let squatter = json!({"email": "anna@acme.example", "roles": ["viewer"]});
    let squatter = server.post("globex", "owner", "/v1/users", &squatter).await;
    let deactivation = format!("/v1/users/{}/deactivation", id(&squatter));
    let deactivated = server.request("globex", "owner", "PUT", &deactivation).await;
    assert_eq!(
        (deactivated.status, &deactivated.body["status"]),
        (200, &json!("DEACTIVATED")),
        "{}",
        deactivated.body
    );
    let dora = json!({"email": "dora@initech.example", "roles": ["viewer"]});
    let blocked = server.post("globex", "owner", "/v1/users", &dora).await;
    server.request("globex", "owner", "PUT", &format!("/v1/users/{}/deactivation", id(&blocked))).await;
    let ours = server.post("acme", "owner", "/v1/users", &dora).await;
    let activate = "update users set status = 'ACTIVE' where id = $1::uuid";
    sqlx::query(activate).bind(id(&ours)).execute(&pool).await.unwrap();
    let reactivated = server.request("globex", "owner", "DELETE", &deactivation).await;
    assert_eq!((reactivated.status, &reactivated.body["status"]), (200, &json!("INVITED")));
}

/// Lists have pages that are numbered from 1, and attributes are selected.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn lists_have_pages(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let client = Client::admin(&server).await;
    for (query, total, start, ids) in [
        ("", 3, 1, &[ANNA, BOB, CARA][..]),
        ("?startIndex=2&count=1", 3, 2, &[BOB]),
        ("?startIndex=-7&count=2", 3, 1, &[ANNA, BOB]),
        ("?startIndex=4", 3, 4, &[]),
        ("?count=0", 3, 1, &[]),
        ("?count=-1", 3, 1, &[]),
        ("?startIndex=9000000000000000000", 3, 9_000_000_000_000_000_000_i64, &[]),
        ("?aadOptscim062020=x&sortBy=userName", 3, 1, &[ANNA, BOB, CARA]),
    ] {
        let page = client.get(&format!("/Users{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.body);
        let found: Vec<_> = page.body["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, ids, "{query}");
        assert_eq!(page.body["itemsPerPage"], ids.len());
        assert_eq!(
            (&page.body["totalResults"], &page.body["startIndex"]),
            (&json!(total), &json!(start)),
            "{query}"
        );
    }
    let only = client.get(&format!("/Users/{ANNA}?attributes=userName,name.familyName")).await;
    assert_eq!(only.body["userName"], "Anna@acme.example");
    assert!(only.body["id"].is_string() && only.body.get("emails").is_none(), "{}", only.body);
    let without = client.get("/Groups?excludedAttributes=members&count=2").await;
    assert_eq!(without.body["Resources"].as_array().unwrap().len(), 2);
    assert!(without.body["Resources"][0].get("members").is_none(), "{}", without.body);
}

/// Errors are those of SCIM, whatever fails, and versions are respected.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn errors_and_versions_are_those_of_scim(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let client = Client::admin(&server).await;
    for filter in [
        "userName",
        "userName eq",
        "userName sw \"a\"",
        "userName eq \"a\" or userName eq \"b\"",
        "not (active eq true)",
        "title eq \"x\"",
        "active eq 7",
        "userName eq \"a\u{1}\" and",
        &format!("userName eq \"{}\"", "a".repeat(2_000)),
        &format!("{}active eq true{}", "(".repeat(300), ")".repeat(300)),
    ] {
        assert_eq!(error(&client.filter("Users", filter).await), (400, "invalidFilter"), "{filter}");
    }
    let bob = format!("/Users/{BOB}");
    for (body, expected) in [
        (json!({}), "invalidValue"),
        (json!({"userName": 7}), "invalidValue"),
        (json!({"userName": "no address"}), "invalidValue"),
        (json!({"userName": "x@y.example", "active": "perhaps"}), "invalidValue"),
        (json!({"userName": "x@y.example", "displayName": "a".repeat(121)}), "invalidValue"),
        (json!({"userName": "x@y.example", "externalId": "a".repeat(256)}), "invalidValue"),
        (json!({"userName": "a".repeat(255), "emails": [{"value": "x@y.example"}]}), "invalidValue"),
    ] {
        assert_eq!(error(&client.post("/Users", &body).await), (400, expected), "{body}");
    }
    let malformed = Request::post("/scim/v2/Users").header("authorization", format!("Bearer {}", client.key));
    let malformed = malformed.header("content-type", "application/scim+json").body(Body::from("{")).unwrap();
    assert_eq!(error(&server.send(malformed).await), (400, "invalidSyntax"));
    assert_eq!(error(&client.get("/Users?count=many").await), (400, "invalidValue"));
    for path in
        ["/Users/7", "/Groups/7", "/Groups/platform-admin", "/Schemas/x", "/ResourceTypes/x", "/Nothing"]
    {
        assert_eq!(error(&client.get(path).await), (404, ""), "{path}");
    }
    for path in ["/.search", "/Users/.search", "/Bulk"] {
        assert_eq!(error(&client.post(path, &json!({})).await), (501, ""), "{path}");
    }
    let first = client.get(&bob).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = client.send("GET", &bob, &[("if-none-match", &tag)], &Value::Null).await;
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
    let rename = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "displayName", "value": "Bob"}]});
    let renamed = client.send("PATCH", &bob, &[("if-match", &tag)], &rename).await;
    assert_eq!((renamed.status, &renamed.body["displayName"]), (200, &json!("Bob")), "{}", renamed.body);
    for tag in [tag.as_str(), "7", "W/\"x\""] {
        assert_eq!(
            error(&client.send("PATCH", &bob, &[("if-match", tag)], &rename).await),
            (412, ""),
            "{tag}"
        );
    }
    let any = client.send("PATCH", &bob, &[("if-match", "*")], &rename).await;
    assert_eq!(any.status, 200);
}

/// A client finds out what the service supports, and the schemas describe exactly the attributes of the resources.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_schemas_describe_the_resources(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let client = Client::admin(&server).await;
    let config = client.get("/ServiceProviderConfig").await;
    assert_eq!(
        (&config.body["patch"]["supported"], &config.body["filter"]["maxResults"]),
        (&json!(true), &json!(200))
    );
    let types = client.get("/ResourceTypes").await;
    assert_eq!(types.body["totalResults"], 2);
    let user = client.post("/Users", &okta_user()).await;
    let group = json!({"displayName": "Finance", "externalId": "7", "members": [{"value": BOB}]});
    let group = client.post("/Groups", &group).await;
    for (name, resource) in [("User", &user.body), ("Group", &group.body)] {
        assert_eq!(client.get(&format!("/ResourceTypes/{name}")).await.body["endpoint"], format!("/{name}s"));
        let urn = resource["schemas"][0].as_str().unwrap();
        let schema = client.get(&format!("/Schemas/{urn}")).await;
        let described = |attributes: &Value, resource: &Value| {
            let mut names: Vec<String> = Vec::new();
            for attribute in attributes.as_array().into_iter().flatten() {
                names.push(attribute["name"].as_str().unwrap().to_owned());
            }
            let own = resource.as_object().unwrap().keys();
            let common = ["schemas", "id", "meta", "externalId"];
            let own: Vec<_> = own.filter(|name| !common.contains(&name.as_str())).cloned().collect();
            names.sort_unstable();
            assert_eq!(names, own, "{name}");
        };
        described(&schema.body["attributes"], resource);
        for attribute in schema.body["attributes"].as_array().unwrap() {
            let value = &resource[attribute["name"].as_str().unwrap()];
            if attribute["type"] == "complex" {
                described(&attribute["subAttributes"], value.get(0).unwrap_or(value));
            }
        }
    }
}
