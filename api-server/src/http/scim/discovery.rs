//! What this service supports, for clients (RFC 7644, section 4).

use axum::{extract::Path, response::Response};
use serde_json::{Value, json};

use super::response::json_response;
use crate::problem::{Code, Problem};

const SERVICE_PROVIDER_CONFIG: &str = include_str!("service_provider_config.json");
const RESOURCE_TYPES: &str = include_str!("resource_types.json");
const SCHEMAS: &str = include_str!("schemas.json");

/// Returns the features of this service.
pub(super) async fn get_service_provider_config() -> Result<Response, Problem> {
    Ok(json_response(&parse(SERVICE_PROVIDER_CONFIG)?))
}

/// Returns the types of resources.
pub(super) async fn list_resource_types() -> Result<Response, Problem> {
    list(RESOURCE_TYPES)
}

/// Returns a type of resources by its name.
pub(super) async fn get_resource_type(Path(name): Path<String>) -> Result<Response, Problem> {
    find(RESOURCE_TYPES, &name)
}

/// Returns the schemas of the resources.
pub(super) async fn list_schemas() -> Result<Response, Problem> {
    list(SCHEMAS)
}

/// Returns a schema by its URN.
pub(super) async fn get_schema(Path(urn): Path<String>) -> Result<Response, Problem> {
    find(SCHEMAS, &urn)
}

fn parse(text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|_| Problem::new(Code::Internal))
}

fn list(text: &str) -> Result<Response, Problem> {
    let resources = parse(text)?;
    let total = resources.as_array().map(Vec::len).unwrap_or_default();
    Ok(json_response(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": 1,
        "itemsPerPage": total,
        "Resources": resources,
    })))
}

fn find(text: &str, id: &str) -> Result<Response, Problem> {
    let resources = parse(text)?;
    let found = resources
        .as_array()
        .into_iter()
        .flatten()
        .find(|resource| resource.get("id").is_some_and(|found| found == id));
    found.map(json_response).ok_or_else(|| Problem::new(Code::NotFound))
}
