//! What this service supports, for clients (RFC 7644, section 4).

use axum::{extract::Path, response::Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::response::json_response;
use crate::problem::{Code, Problem};

const SERVICE_PROVIDER_CONFIG: &str = include_str!("service_provider_config.json");
const RESOURCE_TYPES: &str = include_str!("resource_types.json");
const SCHEMAS: &str = include_str!("schemas.json");
/// Schemas of what this module returns, with the words of RFC 7643, section 8.7.2.
const DISCOVERY_SCHEMAS: &str = include_str!("discovery_schemas.json");

/// Returns the features of this service.
pub(super) async fn get_service_provider_config() -> Result<Response, Problem> {
    Ok(json_response(&parse::<Value>(SERVICE_PROVIDER_CONFIG)?))
}

/// Returns the types of resources.
pub(super) async fn list_resource_types() -> Result<Response, Problem> {
    Ok(list(&read(&[RESOURCE_TYPES])?))
}

/// Returns a type of resources by its name.
pub(super) async fn get_resource_type(Path(name): Path<String>) -> Result<Response, Problem> {
    find(&read(&[RESOURCE_TYPES])?, &name)
}

/// Returns all schemas.
pub(super) async fn list_schemas() -> Result<Response, Problem> {
    Ok(list(&read(&[SCHEMAS, DISCOVERY_SCHEMAS])?))
}

/// Returns a schema by its URN.
pub(super) async fn get_schema(Path(urn): Path<String>) -> Result<Response, Problem> {
    find(&read(&[SCHEMAS, DISCOVERY_SCHEMAS])?, &urn)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|_| Problem::new(Code::Internal))
}

/// Returns the resources of several lists.
fn read(lists: &[&str]) -> Result<Vec<Value>, Problem> {
    let lists = lists.iter().map(|list| parse(list)).collect::<Result<Vec<Vec<Value>>, _>>()?;
    Ok(lists.concat())
}

fn list(resources: &[Value]) -> Response {
    json_response(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    }))
}

fn find(resources: &[Value], id: &str) -> Result<Response, Problem> {
    let found = resources.iter().find(|resource| resource["id"] == id);
    found.map(json_response).ok_or_else(|| Problem::new(Code::NotFound))
}
