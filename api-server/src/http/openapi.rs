//! The OpenAPI document. It is generated from the registered routes, so that the two always match.

use axum::{Router, http::header, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        self, ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use super::{HttpState, problem, v1};
use crate::problem::FieldError;

/// Routes that the document does not describe: the document itself, and GraphQL, which has its own schema.
const UNDESCRIBED: [&str; 3] = ["GET /openapi.json", "GET /graphql", "POST /graphql"];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SMB Copilot",
        description = "Workflow automation: tenants, plans, workflows and their runs. Requests are authenticated with a bearer token (JWT); except for platform administration, every request concerns the tenant that the token names. Errors are `application/problem+json` (RFC 9457) with a stable `code`; 429 and 503 responses carry `Retry-After` in seconds. If the plan limits the requests per minute, responses carry `RateLimit-Policy` and `RateLimit`.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(problem::Body, FieldError))
)]
struct Document;

/// Returns all REST routes with their document.
pub(in crate::http) fn routes() -> OpenApiRouter<HttpState> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(v1::routes());
    complete(router.get_openapi_mut());
    router
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
    described.chain(UNDESCRIBED.map(str::to_owned)).collect()
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

/// Adds the bearer token and the error response to all operations.
fn complete(document: &mut openapi::OpenApi) {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem_response()));
        }
    }
}

fn problem_response() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description("Error").content("application/problem+json", content).build()
}
