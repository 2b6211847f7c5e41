//! The lists of REST, as the OpenAPI document describes them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::openapi_json;

/// Parameters that all lists have.
const PAGE_PARAMETERS: [&str; 5] = ["limit", "cursor", "sort", "fields", "include"];

/// List of REST.
#[derive(Clone, Debug)]
pub(super) struct RestList {
    pub(super) path: String,
    /// Names of the filters.
    pub(super) filters: BTreeSet<String>,
}

/// Returns all operations that return pages in an order.
pub(super) fn lists() -> Vec<RestList> {
    let document: Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().filter_map(|(path, item)| list(path, &item["get"])).collect()
}

fn list(path: &str, operation: &Value) -> Option<RestList> {
    let parameters = operation["parameters"].as_array()?;
    let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    let names: BTreeSet<_> =
        in_query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect();
    let is_list = names.contains("cursor") && names.contains("sort");
    let filters = names.into_iter().filter(|name| !PAGE_PARAMETERS.contains(&name.as_str())).collect();
    is_list.then(|| RestList { path: path.to_owned(), filters })
}
