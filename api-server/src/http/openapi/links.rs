//! Links from the response with a new object to the operations on this object, which tools follow.

use utoipa::openapi::{
    OpenApi, RefOr, Response,
    link::{Link, LinkBuilder},
};

use super::by_method;

/// Schemas of objects, each with the path of an object.
const OBJECTS: [(&str, &str); 6] = [
    ("Run", "/v1/workflow-runs/{id}"),
    ("Tenant", "/v1/tenants/{id}"),
    ("User", "/v1/users/{id}"),
    ("Workflow", "/v1/workflows/{id}"),
    ("Role", "/v1/roles/{id}"),
    ("Policy", "/v1/policies/{id}"),
];
/// Statuses of responses with a new object. With any other, the ID is not valid, or the object is not new.
const CREATED: [&str; 2] = ["201", "202"];
const SCHEMAS: &str = "#/components/schemas/";

/// Adds the links to the responses of all operations that create an object.
pub(super) fn add(document: &mut OpenApi) {
    let targets = targets(document);
    for item in document.paths.paths.values_mut() {
        let Some(creation) = &mut item.post else { continue };
        for status in CREATED {
            let response = creation.responses.responses.get_mut(status);
            if let Some(RefOr::T(response)) = response {
                add_to_response(response, &targets);
            }
        }
    }
}

/// Returns the IDs of the operations on an object, each with the schema of the object.
fn targets(document: &OpenApi) -> Vec<(&'static str, String)> {
    let paths = document.paths.paths.iter();
    let mut targets = Vec::new();
    for (path, item) in paths {
        let object = OBJECTS.into_iter().find(|(_, prefix)| path.starts_with(prefix));
        if let Some((schema, _)) = object {
            let ids = by_method(item).filter_map(|(_, operation)| operation.operation_id.clone());
            targets.extend(ids.map(|id| (schema, id)));
        }
    }
    targets
}

fn add_to_response(response: &mut Response, targets: &[(&'static str, String)]) {
    let schema = schema(response).map(str::to_owned);
    for (_, id) in targets.iter().filter(|(object, _)| schema.as_deref() == Some(*object)) {
        response.links.insert(id.clone(), RefOr::T(link(id)));
    }
}

/// Returns the name of the schema of a response.
fn schema(response: &Response) -> Option<&str> {
    let (_, content) = response.content.first()?;
    match content {
        RefOr::T(content) => match content.schema.as_ref()? {
            RefOr::Ref(schema) => schema.ref_location.strip_prefix(SCHEMAS),
            RefOr::T(_) => None,
        },
        RefOr::Ref(_) => None,
    }
}

fn link(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("id", "$response.body#/id").build()
}
