//! SCIM 2.0 (RFC 7643 and RFC 7644): identity providers create, change and deactivate the users of a tenant, and assign roles, which are
//! their groups. The use cases are those of REST and GraphQL.

mod attributes;
mod body;
#[cfg(test)]
mod conformance;
mod discovery;
mod filter;
mod groups;
mod list;
mod patch;
mod precondition;
mod problem;
mod response;
#[cfg(test)]
mod tests;
mod users;

use axum::{
    Router,
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use super::HttpState;
use crate::problem::{Code, Problem};

pub(in crate::http) use problem::render;

/// Path under which all resources are.
const ROOT: &str = "/scim/v2";

/// Operations of SCIM, as in `operations.yaml`. The schemas that `/scim/v2/Schemas` returns describe them.
pub(in crate::http) const OPERATIONS: [&str; 17] = [
    "GET /scim/v2/ServiceProviderConfig",
    "GET /scim/v2/ResourceTypes",
    "GET /scim/v2/ResourceTypes/{name}",
    "GET /scim/v2/Schemas",
    "GET /scim/v2/Schemas/{urn}",
    "GET /scim/v2/Users",
    "POST /scim/v2/Users",
    "GET /scim/v2/Users/{id}",
    "PUT /scim/v2/Users/{id}",
    "PATCH /scim/v2/Users/{id}",
    "DELETE /scim/v2/Users/{id}",
    "GET /scim/v2/Groups",
    "POST /scim/v2/Groups",
    "GET /scim/v2/Groups/{id}",
    "PUT /scim/v2/Groups/{id}",
    "PATCH /scim/v2/Groups/{id}",
    "DELETE /scim/v2/Groups/{id}",
];

/// Returns the routes of SCIM.
pub(in crate::http) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/scim/v2/ServiceProviderConfig", get(discovery::get_service_provider_config))
        .route("/scim/v2/ResourceTypes", get(discovery::list_resource_types))
        .route("/scim/v2/ResourceTypes/{name}", get(discovery::get_resource_type))
        .route("/scim/v2/Schemas", get(discovery::list_schemas))
        .route("/scim/v2/Schemas/{urn}", get(discovery::get_schema))
        .route("/scim/v2/Users", get(users::list::list_users))
        .route("/scim/v2/Users", post(users::create::create_user))
        .route(
            "/scim/v2/Users/{id}",
            get(users::get::get_user)
                .put(users::replace::replace_user)
                .patch(users::update::update_user)
                .delete(users::delete::delete_user),
        )
        .route("/scim/v2/Groups", get(groups::list::list_groups))
        .route("/scim/v2/Groups", post(groups::create::create_group))
        .route(
            "/scim/v2/Groups/{id}",
            get(groups::get::get_group)
                .put(groups::replace::replace_group)
                .patch(groups::update::update_group)
                .delete(groups::delete::delete_group),
        )
}

/// Returns the response to a request for an operation of SCIM that this service does not have: a search by POST, or a bulk request. `None`
/// if it is another one.
pub(in crate::http) fn not_implemented(method: &Method, path: &str) -> Option<Response> {
    let operation = path.strip_prefix(ROOT)?;
    let is_optional = operation.ends_with("/.search") || operation == "/Bulk";
    (*method == Method::POST && is_optional).then(|| {
        let detail = "searches by POST and bulk requests are not supported";
        let mut response = Problem::new(Code::NotFound).detail(detail).into_response();
        // The status for optional operations by RFC 7644, section 3.12. The REST API has no such problem.
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        response
    })
}

/// Returns whether a path is one of SCIM.
pub(in crate::http) fn is_below(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
