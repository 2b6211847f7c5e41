//! The OpenAPI document. It is generated from the registered routes, so that the two always match.

#![allow(unused_qualifications, reason = "utoipa generates code with fully qualified paths")]

mod errors;
mod examples;
mod free_form;
mod links;
mod lists;
mod parameters;
#[cfg(test)]
mod tests;

use axum::{Router, http::header, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        self, RefOr,
        path::{Operation, ParameterIn, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use super::{HttpState, login, problem, scim, v1};
use crate::problem::FieldError;

/// Routes that the document does not describe: the documentation itself, and GraphQL, which has its own schema,
/// as SCIM has, and the login, which is for browsers.
const UNDESCRIBED: [&str; 6] = [
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/problems",
    "GET /docs/{file}",
    "GET /graphql",
    "POST /graphql",
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SMB Copilot",
        description = "Workflow automation: tenants, plans, workflows and their runs. Requests are authenticated with a bearer token (JWT); except for platform administration, every request concerns the tenant that the token names. Errors are `application/problem+json` (RFC 9457) with a stable `code`, which `/docs/problems` explains; 429 and 503 responses carry `Retry-After` in seconds. If the plan limits the requests per minute, responses carry `RateLimit-Policy` and `RateLimit`. Every response carries `X-Request-Id`.",
        version = "1",
        contact(name = "SMB Copilot"),
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The api-server that serves this document")),
    tags(
        (name = "me", description = "The caller and its permissions."),
        (name = "tenants", description = "The tenant of the caller, and all tenants for administrators of the platform."),
        (name = "users", description = "The users of the tenant of the caller, with their roles."),
        (name = "keys", description = "API keys of users and service accounts."),
        (name = "plans", description = "The plans that a tenant can have."),
        (name = "workflows", description = "Definitions of workflows."),
        (name = "documents", description = "Documents of the knowledge base: their content and its chunks."),
        (name = "runs", description = "Runs of workflows: their steps, logs, outputs and decisions."),
        (name = "access", description = "Roles and policies: who may do what, on which resources and under which conditions."),
        (name = "events", description = "Changes of the objects of a tenant."),
        (name = "audit", description = "Operations that changed something, or that were refused."),
    ),
    components(schemas(problem::Body, FieldError))
)]
struct Document;

/// Returns all REST routes with their document.
///
/// # Errors
/// Returns an error if the examples cannot be parsed.
pub(in crate::http) fn routes() -> serde_json::Result<OpenApiRouter<HttpState>> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(v1::routes());
    complete(router.get_openapi_mut())?;
    Ok(router)
}

/// Returns the route of the document.
///
/// # Errors
/// Returns an error if the document cannot be serialized.
pub(in crate::http) fn document(document: &openapi::OpenApi) -> serde_json::Result<Router<HttpState>> {
    let json = document.to_json()?;
    let handler = move || async { ([(header::CONTENT_TYPE, "application/json")], json) };
    Ok(Router::new().route("/openapi.json", get(handler)))
}

/// Returns the names of all operations of the public port, as in `operations.yaml`: `GET /v1/me`.
pub(in crate::http) fn operations(document: &openapi::OpenApi) -> Vec<String> {
    let described = described_operations(document).map(|(name, _)| name);
    let undescribed = UNDESCRIBED.into_iter().chain(scim::OPERATIONS).chain(login::OPERATIONS);
    described.chain(undescribed.map(str::to_owned)).collect()
}

/// Returns the operations of a document with their names.
pub(in crate::http) fn described_operations(
    document: &openapi::OpenApi,
) -> impl Iterator<Item = (String, &Operation)> {
    let paths = document.paths.paths.iter();
    paths.flat_map(|(path, item)| {
        by_method(item).map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

fn by_method(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let methods = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// Adds to all operations what they share: the bearer token, the error responses and the examples.
fn complete(document: &mut openapi::OpenApi) -> serde_json::Result<()> {
    let examples = examples::load()?;
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    lists::refer_to_items(components);
    free_form::mark(components);
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    for item in document.paths.paths.values_mut() {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            parameters::remove_null(operation);
            errors::add_responses(method, operation, components);
            examples::add(operation, &examples);
        }
    }
    links::add(document);
    Ok(())
}

/// Returns the names of the query parameters of an operation.
pub(in crate::http) fn query_parameters(operation: &Operation) -> impl Iterator<Item = &str> {
    operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.as_str()),
        // The document has no parameters by reference.
        RefOr::T(_) | RefOr::Ref(_) => None,
    })
}
