//! The OpenAPI document: made of the routes as they are registered, so that neither can lack what the other has.

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

use super::{problem, v1};
use crate::state::AppState;

/// Routes that the document does not describe: itself, and GraphQL, which has a schema of its own.
const UNDESCRIBED: [&str; 3] = ["GET /openapi.json", "GET /graphql", "POST /graphql"];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SMB Copilot",
        description = "Tenants, plans, workflows and their runs. The tenant is the token's.",
        version = "1",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(problem::Body, problem::FieldError))
)]
struct Document;

/// All REST routes with their document.
pub(in crate::http) fn routes() -> OpenApiRouter<AppState> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(v1::routes());
    complete(router.get_openapi_mut());
    router
}

/// The route of the document itself.
///
/// # Errors
/// It cannot be written as JSON.
pub(in crate::http) fn document(document: &openapi::OpenApi) -> serde_json::Result<Router<AppState>> {
    let json = document.to_json()?;
    let answer = move || async { ([(header::CONTENT_TYPE, "application/json")], json) };
    Ok(Router::new().route("/openapi.json", get(answer)))
}

/// Every operation of the public port, as `operations.yaml` names them.
pub(in crate::http) fn operations(document: &openapi::OpenApi) -> Vec<String> {
    let described = document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| by_method(item).map(move |(method, _)| format!("{method} {path}")));
    described.chain(UNDESCRIBED.map(str::to_owned)).collect()
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

/// Adds what is the same for all operations: the token, and problems.
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
    ResponseBuilder::new().description("Anything else").content("application/problem+json", content).build()
}
