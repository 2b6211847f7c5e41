//! `fields=id,status`: the fields of resources that a response has, from the allow-list of the resource.

use std::collections::HashMap;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, Uri, header, request::Parts},
    response::Response,
};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use strum::VariantArray;
use utoipa::{
    IntoParams,
    openapi::{
        ArrayBuilder, ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::Type,
    },
};

use super::list::parameters;
use crate::problem::{Code, Problem};

/// Name of the query parameter.
pub(in crate::http) const PARAMETER: &str = "fields";
/// Media type of a response with selected fields, which lacks fields that the schema of the resource requires.
pub(in crate::http) const PARTIAL_JSON: &str = "application/vnd.smbcopilot.partial+json";
/// Maximum length of the part of an unknown name that is repeated in the error.
const MAX_SHOWN_LENGTH: usize = 64;

/// Name of a field of a resource. The variants are the allow-list, in the order of the resource.
pub(in crate::http) trait Field:
    VariantArray + Copy + Eq + Into<&'static str> + Send + Sync
{
}

impl<F: VariantArray + Copy + Eq + Into<&'static str> + Send + Sync> Field for F {}

/// Fields of a resource that the client has selected: all, unless the request has the parameter.
#[derive(Clone, Debug)]
pub(in crate::http) struct Fields<F: 'static>(Option<Vec<F>>);

/// Resource with its selected fields.
pub(in crate::http) struct Selected<'a, F: 'static, T> {
    fields: &'a Fields<F>,
    resource: T,
}

impl<F: Field> Fields<F> {
    /// Reads the parameter of a URI.
    ///
    /// # Errors
    /// Returns an error with all known names if there is an unknown one.
    pub(in crate::http) fn from_uri(uri: &Uri) -> Result<Self, Problem> {
        let mut selected = None;
        for (_, names) in parameters(uri).filter(|(name, _)| name == PARAMETER) {
            let selected = selected.get_or_insert_with(Vec::new);
            for name in names.split(',') {
                selected.push(find(name.trim())?);
            }
        }
        Ok(Self(selected))
    }

    /// Returns all fields of the resource except for some.
    pub(in crate::http) fn all_but(excluded: &[F]) -> Self {
        Self(Some(F::VARIANTS.iter().copied().filter(|field| !excluded.contains(field)).collect()))
    }

    /// Returns whether the client wants any of these fields.
    pub(in crate::http) fn has_any(&self, fields: &[F]) -> bool {
        self.0.as_ref().is_none_or(|selected| selected.iter().any(|field| fields.contains(field)))
    }

    /// Returns a resource whose JSON has the selected fields only.
    pub(in crate::http) fn select<T: Serialize>(&self, resource: T) -> Selected<'_, F, T> {
        Selected { fields: self, resource }
    }

    /// Gives a response the media type of its selected fields.
    pub(in crate::http) fn mark(&self, mut response: Response) -> Response {
        if self.0.is_some()
            && let Some(media_type) = response.headers_mut().get_mut(header::CONTENT_TYPE)
        {
            *media_type = HeaderValue::from_static(PARTIAL_JSON);
        }
        response
    }
}

fn find<F: Field>(name: &str) -> Result<F, Problem> {
    F::VARIANTS.iter().copied().find(|field| (*field).into() == name).ok_or_else(|| {
        let shown: String = name.chars().take(MAX_SHOWN_LENGTH).collect();
        let known: Vec<&str> = F::VARIANTS.iter().map(|field| (*field).into()).collect();
        Problem::new(Code::InvalidParameter)
            .detail(format!("fields: unknown field {shown:?}: the resource has {}", known.join(", ")))
    })
}

impl<F: Field, T: Serialize> Serialize for Selected<'_, F, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Fields(Some(selected)) = self.fields else { return self.resource.serialize(serializer) };
        // The values stay texts, which take no more memory than the response.
        let text = serde_json::to_string(&self.resource).map_err(S::Error::custom)?;
        let values: HashMap<&str, &RawValue> = serde_json::from_str(&text).map_err(S::Error::custom)?;
        let fields = F::VARIANTS.iter().filter(|field| selected.contains(field));
        serializer.collect_map(fields.filter_map(|field| {
            let name: &str = (*field).into();
            Some((name, values.get(name)?))
        }))
    }
}

impl<F: Field, S: Send + Sync> FromRequestParts<S> for Fields<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::from_uri(&parts.uri)
    }
}

impl<F: Field> IntoParams for Fields<F> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let names = F::VARIANTS.iter().map(|field| -> &'static str { (*field).into() });
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        let description = "Names of the fields that the response has, separated by commas. Default: all. With it, the media type of the \
                           response is `application/vnd.smbcopilot.partial+json`. Large fields that are not selected are not read.";
        let parameter = ParameterBuilder::new()
            .name(PARAMETER)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .style(Some(ParameterStyle::Form))
            .explode(Some(false))
            .description(Some(description))
            .schema(Some(ArrayBuilder::new().items(name).min_items(Some(1))));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use sqlx::PgPool;

    use super::*;
    use crate::http::{
        openapi_json,
        testing::{RUN, Server, WORKFLOW},
    };

    /// Returns the properties of a schema, with those of its parts.
    fn properties(document: &Value, schema: &Value) -> BTreeSet<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            return properties(document, &document["components"]["schemas"][name]);
        }
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        parts.flat_map(|part| properties(document, part)).chain(own).collect()
    }

    /// Returns the schema of one resource in the response of an operation.
    fn resource<'a>(document: &'a Value, operation: &'a Value) -> &'a Value {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let is_list = operation["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "cursor");
        let list = &document["components"]["schemas"][name]["properties"]["data"]["items"];
        if is_list { list } else { schema }
    }

    /// The allow-list of each operation has exactly the fields of its resource.
    #[test]
    fn the_fields_are_those_of_the_resource() {
        let document: Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
        let mut operations = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            let operation = &item["get"];
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            let Some(fields) = parameters.find(|parameter| parameter["name"] == PARAMETER) else { continue };
            let names = fields["schema"]["items"]["enum"].as_array().unwrap();
            let names: BTreeSet<_> = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
            assert_eq!(names, properties(&document, resource(&document, operation)), "{path}");
            operations += 1;
        }
        assert!(operations >= 8, "{operations}");
    }

    /// Lists and single resources have the selected fields only, in the order of the resource, and say so in their media type.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_response_has_the_selected_fields(pool: PgPool) {
        let server = Server::start(&pool).await;
        let list = server.get("acme", "viewer", "/v1/workflow-runs?fields=status,id&limit=1").await;
        let run = &list.body["data"][0];
        assert_eq!(run.as_object().unwrap().len(), 2, "{run}");
        assert!(run["id"].is_string() && run["status"].is_string());
        assert_eq!(list.headers["content-type"], PARTIAL_JSON);
        assert_eq!(list.body["page"]["hasMore"], true);
        let text = String::from_utf8(list.bytes).unwrap();
        assert!(text.find("\"id\"").unwrap() < text.find("\"status\"").unwrap(), "{text}");
        for (path, fields, expected) in [
            (format!("/v1/workflow-runs/{RUN}"), "name,output", json!(["name", "output"])),
            (format!("/v1/workflow-runs/{RUN}"), "name", json!(["name"])),
            (format!("/v1/workflows/{WORKFLOW}"), "steps", json!(["steps"])),
            (format!("/v1/workflows/{WORKFLOW}/runs?sort=createdAt"), "", json!(["data", "page"])),
            ("/v1/tenant".to_owned(), "slug,plan", json!(["plan", "slug"])),
        ] {
            let path = if fields.is_empty() { path } else { format!("{path}?fields={fields}") };
            let answer = server.get("acme", "viewer", &path).await;
            let names: Value = answer.body.as_object().unwrap().keys().cloned().collect();
            assert_eq!((answer.status, names), (200, expected), "{path}");
        }
    }

    /// An unknown field is refused with all that the resource has.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_field_is_refused_with_the_known_ones(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (path, known) in [
            ("/v1/workflow-runs?fields=id,state".to_owned(), "startedAt"),
            (format!("/v1/workflow-runs/{RUN}?fields=state"), "effectiveInput"),
            (format!("/v1/workflows/{WORKFLOW}?fields=state"), "onExit"),
            ("/v1/plans?fields=".to_owned(), "limits"),
        ] {
            let answer = server.get("acme", "viewer", &path).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("invalid_parameter")));
            assert!(answer.body["detail"].as_str().unwrap().contains(known), "{path}: {}", answer.body);
        }
    }

    /// A selection without the content of a run reads none: it needs no memory for it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn contents_that_are_not_selected_are_not_read(pool: PgPool) {
        let server = Server::start(&pool).await;
        let tiny = json!({"a": vec![json!({"": 0}); 90_000]});
        let update = "update workflow_runs set input = $1::json where id = $2::uuid";
        sqlx::query(update).bind(sqlx::types::Json(tiny)).bind(RUN).execute(&pool).await.unwrap();
        let path = format!("/v1/workflow-runs/{RUN}");
        let complete = server.get("acme", "viewer", &path).await;
        assert_eq!((complete.status, complete.body["code"].as_str()), (422, Some("response_too_large")));
        let selected = server.get("acme", "viewer", &format!("{path}?fields=id,status")).await;
        assert_eq!((selected.status, selected.body["status"].as_str()), (200, Some("SUCCEEDED")));
    }
}
