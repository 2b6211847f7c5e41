//! Every example is executed: its request is sent, and its response is the one that the server answers.

use std::collections::BTreeMap;

use axum::{body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonschema::Validator;
use protocol::internal::{LogBatch, LogLine, logs_path};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{comparison::comparable, document, operations};
use crate::{
    db::Json,
    http::testing::{ACME, ASSIGNEE, Answer, QUEUED_RUN, Server, WORKFLOW},
    vectors::testing::without_model,
};

/// Content of the files, as a test reads it: an example with the state that it needs. No other field is accepted.
const FILES: &str = include_str!(concat!(env!("OUT_DIR"), "/examples.json"));

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Exchange {
    name: String,
    #[serde(rename = "summary")]
    _summary: String,
    /// Role of the caller in acme, or a role of the platform.
    #[serde(default = "admin")]
    role: String,
    /// State that the fixtures do not have.
    #[serde(default)]
    state: State,
    #[serde(default)]
    parameters: Map<String, Value>,
    body: Option<Value>,
    /// Body that is not JSON.
    body_base64: Option<String>,
    status: u16,
    response: Option<Value>,
    /// Response that is not JSON.
    response_base64: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct State {
    /// Statuses of runs in Kubernetes, by the UID of the run.
    #[serde(default)]
    status: BTreeMap<Uuid, Value>,
    /// Digests of the revisions of the workflow `invoice`, oldest first.
    #[serde(default)]
    revisions: Vec<String>,
    /// Runs that the caller has cancelled.
    #[serde(default)]
    cancelled: Vec<Uuid>,
    /// Whether the tenant has the users Anna, Bob and Cara.
    #[serde(default)]
    users: bool,
    /// Whether the tenant has a service account, an API key and an invitation.
    #[serde(default)]
    keys: bool,
    /// Uploaded pictures, by the ID of the user.
    #[serde(default)]
    pictures: BTreeMap<Uuid, String>,
    /// Whether the tenant has documents.
    #[serde(default)]
    documents: bool,
    /// Whether the documents can be searched by their words.
    #[serde(default)]
    points: bool,
    /// Log of the run `report-1`.
    #[serde(default)]
    logs: Vec<LogLine>,
    /// Policies of acme.
    #[serde(default)]
    policies: Vec<StoredPolicy>,
    /// Roles of acme.
    #[serde(default)]
    roles: Vec<StoredRole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPolicy {
    id: Uuid,
    name: String,
    effect: String,
    actions: Vec<String>,
    #[serde(default = "empty_list")]
    resources: Value,
    #[serde(default = "empty_list")]
    conditions: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRole {
    id: Uuid,
    name: String,
    policies: Vec<Uuid>,
}

fn empty_list() -> Value {
    json!([])
}

fn admin() -> String {
    "admin".to_owned()
}

/// Returns the validator of a schema of the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = json!({"allOf": [schema], "components": document["components"]});
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

/// Returns the media type of the body of an operation.
fn media_type(operation: &Value) -> Option<&str> {
    let content = operation["requestBody"]["content"].as_object()?;
    content.keys().next().map(String::as_str)
}

/// Sends the request of an example.
async fn send(server: &Server, method: &str, path: &str, operation: &Value, exchange: &Exchange) -> Answer {
    let (mut path, mut query) = (path.to_owned(), url::form_urlencoded::Serializer::new(String::new()));
    let mut request = Request::builder().method(method);
    for (name, value) in &exchange.parameters {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameter = parameters.find(|parameter| parameter["name"] == **name);
        match parameter.unwrap_or_else(|| panic!("{path} has no parameter {name}"))["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &value),
            "query" => {
                query.append_pair(name, &value);
            }
            _ => request = request.header(name, value),
        }
    }
    let token = match exchange.role.starts_with("platform-") {
        true => server.issuer.platform_token(&exchange.role),
        false => server.issuer.token("acme", &exchange.role),
    };
    let request = request.uri(format!("{path}?{}", query.finish()));
    let mut request = request.header("authorization", format!("Bearer {token}"));
    if let Some(media_type) = media_type(operation) {
        request = request.header("content-type", media_type);
    }
    let body = match (&exchange.body, &exchange.body_base64) {
        (Some(body), _) => Body::from(body.to_string()),
        (None, Some(bytes)) => Body::from(STANDARD.decode(bytes).unwrap()),
        (None, None) => Body::empty(),
    };
    server.send(request.body(body).unwrap()).await
}

impl State {
    async fn create(mut self, server: &Server, pool: &PgPool) {
        self.create_rules(pool).await;
        if self.users {
            server.add_users(pool).await;
        }
        create_pictures(pool, self.pictures).await;
        if self.keys {
            server.add_keys(pool).await;
        }
        create_documents(server, pool, self.documents, self.points).await;
        for (run, status) in self.status {
            server.set_status(&run.to_string(), status).await;
        }
        let revisions: Vec<_> =
            (1..).zip(&self.revisions).map(|(number, digest)| (number, WORKFLOW, digest.as_str())).collect();
        server.kubernetes.set_revisions("invoice", &revisions);
        for run in self.cancelled {
            let path = format!("/v1/workflow-runs/{run}/cancellation");
            let cancelled = server.put("acme", "admin", &path, &json!({"mode": "NOW"})).await;
            assert_eq!(cancelled.status, 202, "{}", cancelled.body);
        }
        if self.logs.is_empty() {
            return;
        }
        let body = serde_json::to_vec(&LogBatch { pod: "assignee".to_owned(), lines: self.logs }).unwrap();
        let request = Request::post(logs_path(QUEUED_RUN)).header("content-type", "application/json");
        assert_eq!(server.internal(ASSIGNEE, request, body).await.status, 204);
    }

    /// Creates the policies and roles.
    async fn create_rules(&mut self, pool: &PgPool) {
        for StoredPolicy { id, name, effect, actions, resources, conditions } in
            std::mem::take(&mut self.policies)
        {
            sqlx::query(
                "insert into policies (id, tenant_id, name, description, effect, actions, resources, conditions)
                 values ($1, $2::uuid, $3, '', $4, $5, $6, $7)",
            )
            .bind(id)
            .bind(ACME.parse::<Uuid>().unwrap())
            .bind(name)
            .bind(effect)
            .bind(actions)
            .bind(Json(resources))
            .bind(Json(conditions))
            .execute(pool)
            .await
            .unwrap();
        }
        for StoredRole { id, name, policies } in std::mem::take(&mut self.roles) {
            sqlx::query("insert into roles (id, tenant_id, name, description) values ($1, $2, $3, '')")
                .bind(id)
                .bind(ACME.parse::<Uuid>().unwrap())
                .bind(name)
                .execute(pool)
                .await
                .unwrap();
            sqlx::query(
                "insert into role_policies (tenant_id, role_id, policy_id) select $1, $2, unnest($3)",
            )
            .bind(ACME.parse::<Uuid>().unwrap())
            .bind(id)
            .bind(policies)
            .execute(pool)
            .await
            .unwrap();
        }
    }
}

/// Stores documents of acme, and points of them.
async fn create_documents(server: &Server, pool: &PgPool, documents: bool, points: bool) {
    if documents {
        server.add_documents(pool).await;
    }
    if points {
        server.add_points(pool).await;
    }
}

/// Stores pictures of users of acme.
async fn create_pictures(pool: &PgPool, pictures: BTreeMap<Uuid, String>) {
    for (user, png) in pictures {
        let insert = "with updated as (
             update users set picture_url = '/v1/users/' || id || '/picture' where id = $2
           )
           insert into user_pictures (tenant_id, user_id, png, sha256) values ($1, $2, $3, encode(sha256($3), 'hex'))";
        let insert = sqlx::query(insert).bind(ACME.parse::<Uuid>().unwrap()).bind(user);
        insert.bind(STANDARD.decode(png).unwrap()).execute(pool).await.unwrap();
    }
}

/// Executes an example. Returns a description of what differs.
async fn difference(
    pool: &PgPool,
    document: &Value,
    (name, operation): (&str, &Value),
    mut exchange: Exchange,
) -> Option<String> {
    let server = Server::start(pool).await;
    let server = if exchange.state.points { server.with_vectors(without_model()) } else { server };
    let (method, path) = name.split_once(' ').unwrap();
    std::mem::take(&mut exchange.state).create(&server, pool).await;
    if let (Some(body), Some(media_type)) = (&exchange.body, media_type(operation)) {
        let schema = &operation["requestBody"]["content"][media_type]["schema"];
        assert!(validator(document, schema).is_valid(body), "{name}: the body violates its schema");
    }
    let answer = send(&server, method, path, operation, &exchange).await;
    let example = exchange.response.unwrap_or_default();
    if answer.status != exchange.status || comparable(&answer.body) != comparable(&example) {
        return Some(format!("{name}\t{}\t{}\t{}", exchange.name, answer.status, answer.body));
    }
    let Some(media_type) = answer.headers.get("content-type") else {
        // A response without a body.
        return None;
    };
    let media_type = media_type.to_str().unwrap();
    let contents = &operation["responses"][answer.status.to_string()]["content"];
    let content = if contents[media_type].is_null() { &contents["*/*"] } else { &contents[media_type] };
    if content.is_null() {
        return Some(format!("{name}: {} with {media_type} is not documented", answer.status));
    }
    if let Some(bytes) = exchange.response_base64 {
        let is_equal = answer.bytes == STANDARD.decode(bytes).unwrap();
        return (!is_equal).then(|| format!("{name}\t{}\t{}", exchange.name, STANDARD.encode(&answer.bytes)));
    }
    let schema = validator(document, &content["schema"]);
    let errors: Vec<_> = schema
        .iter_errors(&answer.body)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    (!errors.is_empty()).then(|| format!("{name}: {}", errors.join("; ")))
}

/// Returns the tables that have rows only because of a test.
async fn tables(pool: &PgPool) -> Vec<String> {
    let names = "select quote_ident(tablename) from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations' and tablename not like 'audit%'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(pool).await.unwrap();
    let mut empty = Vec::new();
    for name in names {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {name}"));
        if sqlx::query_scalar::<_, i64>(count).fetch_one(pool).await.unwrap() == 0 {
            empty.push(name);
        }
    }
    empty
}

/// The server answers the request of every example with the response of the example, which has the documented status, media
/// type and schema.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_example_is_what_the_server_answers(pool: PgPool) {
    let document = document();
    let mut examples: BTreeMap<String, Vec<Exchange>> = serde_json::from_str(FILES).unwrap();
    let truncate = format!("truncate {} cascade", tables(&pool).await.join(", "));
    let mut differences = Vec::new();
    for (name, operation) in operations(&document) {
        for exchange in examples.remove(operation["operationId"].as_str().unwrap()).unwrap_or_default() {
            sqlx::raw_sql(sqlx::AssertSqlSafe(truncate.clone())).execute(&pool).await.unwrap();
            let difference = difference(&pool, &document, (&name, operation), exchange);
            differences.extend(Box::pin(difference).await);
        }
    }
    assert!(
        differences.is_empty(),
        "the server answers other than the examples:\n{}",
        differences.join("\n")
    );
}
