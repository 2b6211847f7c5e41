//! Tests of the document: it is complete, and its examples are what the server answers.

mod breaking;
mod comparison;
mod complete;
mod exchanges;

use serde_json::Value;

/// Returns the document as clients receive it.
fn document() -> Value {
    serde_json::from_str(&crate::http::openapi_json().unwrap()).unwrap()
}

/// Returns all operations with their names, such as `GET /v1/me`.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    operations.collect()
}

/// Returns whether a status is a success.
fn is_success(status: &str) -> bool {
    status.starts_with('2')
}
