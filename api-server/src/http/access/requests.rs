//! A request of each operation. What cannot be derived from `openapi.yaml` and the schema of GraphQL is in `requests.yaml`.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, InputValueDefinition, ServiceDocument, Type, TypeKind,
        TypeSystemDefinition,
    },
};
use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::{self, Kind, Which};

/// Version that no object has.
const STALE: &str = "\"999.00000000000000000000000000000000\"";
/// The same for resources of SCIM.
const STALE_OF_SCIM: &str = "W/\"999\"";

#[derive(Deserialize)]
struct Bodies {
    rest: BTreeMap<String, Value>,
    uploads: BTreeMap<String, UploadedFile>,
    queries: BTreeMap<String, String>,
    mutations: BTreeMap<String, Value>,
}

/// Body of bytes.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UploadedFile {
    media_type: String,
    base64: String,
}

/// Requests of all operations.
pub(super) struct Requests {
    bodies: Bodies,
    schema: ServiceDocument,
}

/// Request without a token.
pub(super) struct Prepared {
    method: &'static str,
    path: String,
    body: PreparedBody,
}

enum PreparedBody {
    Json(Value),
    Upload(UploadedFile),
}

impl Requests {
    pub(super) fn load() -> Self {
        let bodies = serde_yaml::from_str(include_str!("requests.yaml")).unwrap();
        Self { bodies, schema: parse_schema(crate::graphql::sdl()).unwrap() }
    }

    /// Returns the operations of `requests.yaml`.
    pub(super) fn named(&self) -> Vec<String> {
        let Bodies { rest, uploads, queries, mutations } = &self.bodies;
        let mutations = mutations.keys().map(|name| format!("Mutation.{name}"));
        rest.keys().chain(uploads.keys()).chain(queries.keys()).cloned().chain(mutations).collect()
    }

    /// Returns the request of an operation for an object.
    pub(super) fn prepare(&self, operation: &str, which: Which) -> Prepared {
        match operation.split_once(' ') {
            Some((method, path)) => self.of_rest(operation, method, path, which),
            None => self.of_graphql(operation, which),
        }
    }

    fn of_rest(&self, operation: &str, method: &str, path: &str, which: Which) -> Prepared {
        let methods = ["GET", "PUT", "POST", "PATCH", "DELETE"];
        let method = methods.into_iter().find(|known| *known == method).unwrap();
        let kind = kind_of_path(method, path);
        let id = kind.map_or("", |kind| objects::id(kind, which));
        let path = path
            .replace("{id}", id)
            .replace("ResourceTypes/{name}", "ResourceTypes/User")
            .replace("{urn}", "urn:ietf:params:scim:schemas:core:2.0:User")
            .replace("{name}", if path.contains("revisions") { objects::REVISION } else { "fetch" })
            .replace("{roleId}", "member")
            .replace("{file}", "start.js");
        let path = if operation == "GET /graphql" {
            "/graphql?query=%7Bviewer%7Bemail%7D%7D".to_owned()
        } else {
            path
        };
        if let Some(upload) = self.bodies.uploads.get(operation) {
            return Prepared { method, path, body: PreparedBody::Upload(upload.clone()) };
        }
        let body = self.bodies.rest.get(operation).cloned().unwrap_or_else(|| json!({}));
        let text = body.to_string().replace("{id}", id);
        let text = text.replace("{serviceAccount}", objects::id(Kind::ServiceAccount, Which::Own));
        Prepared { method, path, body: PreparedBody::Json(serde_json::from_str(&text).unwrap()) }
    }

    fn of_graphql(&self, operation: &str, which: Which) -> Prepared {
        let (parent, name) = operation.split_once('.').unwrap();
        let (query, variables) = match parent {
            "Mutation" => self.mutation(name, which),
            _ => self.query(operation, parent, name, which),
        };
        let body = PreparedBody::Json(json!({"query": query, "variables": variables}));
        Prepared { method: "POST", path: "/graphql".to_owned(), body }
    }

    fn query(&self, operation: &str, parent: &str, name: &str, which: Which) -> (String, Value) {
        let root = match parent {
            "Query" => name.to_owned(),
            parent => parent[..1].to_lowercase() + &parent[1..],
        };
        let kind = kind_of_field(&root);
        let document = self.bodies.queries.get(operation).cloned().unwrap_or_else(|| {
            let selected = match parent {
                "Query" => self.selection("Query", &root).to_owned(),
                parent => {
                    format!("{name}{} {{ {} }}", self.arguments(parent, name), self.selection(parent, name))
                }
            };
            let arguments = self.arguments("Query", &root);
            let variables = if arguments.contains("$id") { "($id: ID!) " } else { "" };
            format!("query {variables}{{ found: {root}{arguments} {{ {selected} }} }}")
        });
        let variables = match document.contains("$id") {
            true => json!({"id": objects::global_id(kind.unwrap_or(Kind::Workflow), which)}),
            false => json!({}),
        };
        (document, variables)
    }

    /// Returns a selection that shows which objects a field returns.
    fn selection(&self, parent: &str, name: &str) -> &'static str {
        let fields = self.fields(parent);
        let field = fields.iter().find(|field| field.name.node == name);
        let of = |ty: &str| {
            self.fields(ty).into_iter().map(|field| field.name.node.to_string()).collect::<Vec<_>>()
        };
        let own = field.map(|field| of(base_name(&field.ty.node))).unwrap_or_default();
        let has = |field: &str| own.iter().any(|own| own == field);
        match () {
            () if name == "_service" => "sdl",
            () if name == "node" || name == "nodes" || has("id") => "id",
            () if has("nodes") && name != "logs" => "nodes { id }",
            () => "__typename",
        }
    }

    /// Returns the arguments that a field requires: an ID, or the size of a page.
    fn arguments(&self, parent: &str, name: &str) -> &'static str {
        let Some(field) = self.fields(parent).into_iter().find(|field| field.name.node == name) else {
            return "";
        };
        let has = |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
        match () {
            () if has("id") => "(id: $id)",
            () if has("ids") => "(ids: [$id])",
            () if has("first") => "(first: 1)",
            () => "",
        }
    }

    fn mutation(&self, name: &str, which: Which) -> (String, Value) {
        let field = self.fields("Mutation").into_iter().find(|field| field.name.node == name).unwrap();
        let input_type = base_name(&field.arguments[0].node.ty.node);
        let input = self.bodies.mutations.get(name).cloned().unwrap_or_else(|| json!({}));
        let service_account = objects::global_id(Kind::ServiceAccount, Which::Own);
        let mut input: Value =
            serde_json::from_str(&input.to_string().replace("{serviceAccount}", &service_account)).unwrap();
        let mut results = "";
        for field in self.input_fields(input_type) {
            let ty = &field.ty.node;
            if base_name(ty) != "ID" || ty.nullable {
                continue;
            }
            let kind = kind_of_mutation(name, &field.name.node);
            let id = json!(objects::global_id(kind, which));
            let is_list = matches!(ty.base, BaseType::List(_));
            results = if is_list { " results { userErrors { code message } }" } else { "" };
            input[field.name.node.as_str()] = if is_list { json!([id]) } else { id };
        }
        let document = format!(
            "mutation ($input: {input_type}!) {{ found: {name}(input: $input) {{ userErrors {{ code message }}{results} }} }}"
        );
        (document, json!({"input": input}))
    }

    fn kind(&self, name: &str) -> Option<&TypeKind> {
        self.schema.definitions.iter().find_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) if ty.node.name.node == name => Some(&ty.node.kind),
            _ => None,
        })
    }

    fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        match self.kind(name) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    fn input_fields(&self, name: &str) -> Vec<&InputValueDefinition> {
        match self.kind(name) {
            Some(TypeKind::InputObject(input)) => input.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }
}

impl Prepared {
    /// Returns the request, with a token if the caller has one.
    pub(super) fn request(&self, token: Option<&str>) -> Request<Body> {
        let media = match (self.method, &self.body) {
            (_, PreparedBody::Upload(upload)) => upload.media_type.as_str(),
            _ if self.path.starts_with("/scim/") => "application/scim+json",
            ("PATCH", _) => "application/merge-patch+json",
            _ => "application/json",
        };
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if self.method == "GET" {
            return request.body(Body::empty()).unwrap();
        }
        let tag = if media == "application/scim+json" { STALE_OF_SCIM } else { STALE };
        let request = request.header(header::CONTENT_TYPE, media).header(header::IF_MATCH, tag);
        request
            .body(match &self.body {
                PreparedBody::Json(body) => Body::from(body.to_string()),
                PreparedBody::Upload(upload) => Body::from(STANDARD.decode(&upload.base64).unwrap()),
            })
            .unwrap()
    }
}

/// Returns the kind of object that a path names; `None` if it names none.
fn kind_of_path(method: &str, path: &str) -> Option<Kind> {
    Some(match path.split_once("/{id}") {
        Some(("/v1/tenants", _)) => Kind::Tenant,
        Some(("/v1/workflows", _)) => Kind::Workflow,
        // An unfinished run cannot be deleted.
        Some(("/v1/workflow-runs", "")) if method == "DELETE" => Kind::QueuedRun,
        Some(("/v1/workflow-runs", _)) => Kind::FinishedRun,
        Some(("/v1/users", _)) => Kind::User,
        Some(("/v1/invitations", _)) => Kind::Invitation,
        Some(("/v1/api-keys", _)) => Kind::ApiKey,
        Some(("/v1/service-accounts", _)) => Kind::ServiceAccount,
        Some(("/v1/roles", _)) => Kind::Role,
        Some(("/v1/policies", _)) => Kind::Policy,
        Some(("/v1/documents", _)) => Kind::Document,
        Some(("/scim/v2/Users", _)) => Kind::User,
        Some(("/scim/v2/Groups", _)) => Kind::Role,
        Some(_) => panic!("no kind of object is known for {path}"),
        None if path == "/v1/workflow-run-deletions" => Kind::QueuedRun,
        None if path.starts_with("/v1/workflow-run-") => Kind::FinishedRun,
        None => return None,
    })
}

/// Returns the kind of object that a field of `Query` returns; `None` if it returns no single object, or any.
fn kind_of_field(name: &str) -> Option<Kind> {
    Some(match name {
        "plan" => Kind::Plan,
        "workflowRun" => Kind::FinishedRun,
        "workflowRevision" => Kind::Revision,
        "user" => Kind::User,
        "role" => Kind::Role,
        "policy" => Kind::Policy,
        "document" => Kind::Document,
        "semanticChunk" => Kind::Chunk,
        "invitation" => Kind::Invitation,
        "apiKey" => Kind::ApiKey,
        "serviceAccount" => Kind::ServiceAccount,
        _ => return None,
    })
}

fn kind_of_mutation(mutation: &str, field: &str) -> Kind {
    match field {
        "tenantId" => Kind::Tenant,
        "workflowId" => Kind::Workflow,
        // An unfinished run cannot be deleted.
        "workflowRunId" | "workflowRunIds" if mutation.starts_with("delete") => Kind::QueuedRun,
        "workflowRunId" | "workflowRunIds" => Kind::FinishedRun,
        "userId" => Kind::User,
        "roleId" => Kind::Role,
        "policyId" => Kind::Policy,
        "documentId" => Kind::Document,
        "invitationId" => Kind::Invitation,
        "apiKeyId" => Kind::ApiKey,
        "serviceAccountId" => Kind::ServiceAccount,
        _ => panic!("no kind of object is known for {field} of {mutation}"),
    }
}

fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base_name(inner),
    }
}
