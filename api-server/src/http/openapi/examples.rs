//! The examples of requests and responses, one file for each operation in the folder `examples`, named after its ID. A test sends
//! each request and compares the response: `tests/exchanges.rs` reads the same files, with the role of the caller (`role`, by default an
//! admin of acme), what the fixtures of the tests lack (`state`), and bodies that are not JSON (`bodyBase64` and `responseBase64`), which
//! the document does not have. A failure of the test shows the response to write into the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::openapi::{
    RefOr,
    content::Content,
    example::{Example, ExampleBuilder},
    path::{Operation, Parameter, ParameterBuilder},
};

/// Content of all files by operation ID, which the build script has converted to JSON.
const FILES: &str = include_str!(concat!(env!("OUT_DIR"), "/examples.json"));

/// Examples by operation ID.
pub(super) type Examples = BTreeMap<String, Vec<ExchangeExample>>;

/// Example of a request with its response.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExchangeExample {
    /// Name of the example in the document.
    pub(super) name: String,
    /// What the request does.
    pub(super) summary: String,
    /// Path parameters, query parameters and headers of the request.
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    /// Body of the request.
    pub(super) body: Option<Value>,
    /// Status of the response.
    pub(super) status: u16,
    /// Body of the response.
    pub(super) response: Option<Value>,
}

/// Returns the examples of all operations.
///
/// # Errors
/// Returns an error if a file is not valid.
pub(super) fn load() -> serde_json::Result<Examples> {
    serde_json::from_str(FILES)
}

/// Adds the examples of an operation to its parameters, its body and its responses.
pub(super) fn add(operation: &mut Operation, examples: &Examples) {
    let examples = operation.operation_id.as_ref().and_then(|id| examples.get(id));
    let Some(examples) = examples else { return };
    let parameters = operation.parameters.iter_mut().flatten();
    for parameter in parameters.filter_map(value_mut) {
        if let Some(value) = examples.iter().find_map(|example| example.parameters.get(&parameter.name)) {
            add_to_parameter(parameter, value);
        }
    }
    let body = operation.request_body.as_mut().and_then(value_mut);
    for content in body.into_iter().flat_map(|body| body.content.values_mut()).filter_map(value_mut) {
        add_to_content(content, examples.iter().map(|example| (example, example.body.as_ref())));
    }
    for (status, response) in &mut operation.responses.responses {
        let content = value_mut(response).and_then(|response| response.content.first_mut());
        let Some(content) = content.and_then(|(_, content)| value_mut(content)) else { continue };
        let of_status = examples.iter().filter(|example| example.status.to_string() == *status);
        add_to_content(content, of_status.map(|example| (example, example.response.as_ref())));
    }
}

fn value_mut<T>(value: &mut RefOr<T>) -> Option<&mut T> {
    match value {
        RefOr::T(value) => Some(value),
        RefOr::Ref(_) => None,
    }
}

fn add_to_parameter(parameter: &mut Parameter, value: &Value) {
    *parameter = ParameterBuilder::from(parameter.clone()).example(Some(value.clone())).build();
}

fn add_to_content<'a>(
    content: &mut Content,
    examples: impl Iterator<Item = (&'a ExchangeExample, Option<&'a Value>)>,
) {
    for (example, value) in examples {
        if let Some(value) = value {
            content.examples.insert(example.name.clone(), RefOr::T(named(&example.summary, value)));
        }
    }
}

fn named(summary: &str, value: &Value) -> Example {
    ExampleBuilder::new().summary(summary).value(Some(value.clone())).build()
}
