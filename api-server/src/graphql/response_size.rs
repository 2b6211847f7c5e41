//! Limit on the size of an answer, which is checked while the answer is built: as soon as it is exceeded, no further field is
//! resolved, and the answer is replaced by an error.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use async_graphql::{
    Response, ServerError, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextRequest, NextResolve, ResolveInfo},
};
use async_graphql_value::Number;
use crds::constants::MAX_RESPONSE_CONTENT_BYTES;

use super::error;

/// Maximum size of an answer as JSON, in bytes: that of the contents of runs and workflows in it, which are measured before they
/// are read, and as much again for all other fields.
const MAX_RESPONSE_BYTES: usize = 2 * MAX_RESPONSE_CONTENT_BYTES;
/// Bytes of a field besides its name and its value: quotes, a colon and a comma.
const FIELD_BYTES: usize = 4;
/// Name of the type whose fields are changes. They are executed even if the answer is too large already: a document must not be
/// executed in part without a word.
const MUTATION: &str = "Mutation";

/// Extension of the schema that limits the size of answers.
pub(super) struct ResponseSizeLimit;

impl ExtensionFactory for ResponseSizeLimit {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(ResponseSize::default())
    }
}

/// Size of the answer to one request.
#[derive(Default)]
struct ResponseSize {
    bytes: AtomicUsize,
    /// Error of the field with which the answer became too large.
    error: Mutex<Option<ServerError>>,
}

impl ResponseSize {
    fn is_exceeded(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > MAX_RESPONSE_BYTES
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn error(&self) -> std::sync::MutexGuard<'_, Option<ServerError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Extension for ResponseSize {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        let response = next.run(ctx).await;
        match self.error().take() {
            Some(error) => Response::from_errors(vec![error]),
            None => response,
        }
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if self.is_exceeded() && info.parent_type != MUTATION {
            // The answer is replaced by the error, so that this value is not sent.
            return Ok(Some(Value::Null));
        }
        let is_item = info.parent_type.starts_with('[');
        let name = if is_item { 0 } else { info.alias.unwrap_or(info.name).len() };
        // The size of an object or of a list of objects is that of its fields, which are resolved on their own.
        let is_leaf = info.field.selection_set.node.items.is_empty() && !is_item;
        let (path_node, field) = (info.path_node, info.field);
        let value = next.run(ctx, info).await?;
        let own = value.as_ref().filter(|_| is_leaf).map_or(0, json_bytes);
        self.add(name.saturating_add(FIELD_BYTES).saturating_add(own));
        if self.is_exceeded() {
            self.error().get_or_insert_with(|| {
                error::at_field(error::response_too_large(MAX_RESPONSE_BYTES), path_node, field)
            });
        }
        Ok(value)
    }
}

/// Returns the size of a value as compact JSON, in bytes.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Boolean(_) => 5,
        Value::Number(number) => number_bytes(number),
        Value::String(text) => text_bytes(text),
        Value::Enum(name) => name.len() + 2,
        // Binary values do not occur: no scalar has them.
        Value::Binary(bytes) => bytes.len().saturating_mul(4),
        Value::List(items) => sum(items.iter().map(|item| json_bytes(item).saturating_add(1))),
        Value::Object(fields) => sum(fields
            .iter()
            .map(|(name, value)| text_bytes(name).saturating_add(json_bytes(value)).saturating_add(2))),
    }
}

fn sum(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.fold(2, usize::saturating_add)
}

/// Returns the size of a number. Numbers with a fraction have at most 24 characters.
fn number_bytes(number: &Number) -> usize {
    const MAX_FRACTION_BYTES: usize = 24;
    let digits = number.as_u64().map(|number| number.checked_ilog10().unwrap_or(0) + 1);
    digits.and_then(|digits| usize::try_from(digits).ok()).unwrap_or(MAX_FRACTION_BYTES)
}

/// Returns the size of a text with its quotes and escapes.
fn text_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    sum(text.bytes().map(escaped))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The size of a value is that of its JSON text, and never less.
    #[test]
    fn the_size_of_a_value_is_that_of_its_text() {
        for value in [
            json!(null),
            json!(true),
            json!("a \"quoted\" text"),
            json!("\u{0}\n"),
            json!([1, 20, 300, {"a": [], "b": {}}]),
            json!({"name": "x", "list": vec![7; 1_000]}),
            json!(-1.5e-300),
        ] {
            let (bytes, text) =
                (json_bytes(&Value::from_json(value.clone()).unwrap()), value.to_string().len());
            assert!(bytes >= text && bytes <= text + 30, "{value}: {bytes} and {text}");
        }
    }
}
