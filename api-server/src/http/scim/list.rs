//! Parameters and responses of lists.

use axum::{extract::FromRequestParts, http::request::Parts, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    problem::invalid,
    response::{Resource, json_response},
};
use crate::{http::extract::read, problem::Problem};

/// Number of resources on a page, if the client does not say, and the maximum.
const DEFAULT_COUNT: i64 = 100;
const MAX_COUNT: i64 = 200;
/// Maximum length of a list of attributes, in bytes.
const MAX_NAMES_BYTES: usize = 1_024;
/// Attributes that are always returned.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// Query parameters, as clients send them. Others are ignored, since identity providers add some of their own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// Parameters of a list.
pub(super) struct ListParameters {
    /// Filter.
    pub(super) filter: Option<String>,
    /// Number of resources before the page.
    pub(super) offset: i64,
    /// Maximum number of resources on the page.
    pub(super) count: i64,
    /// Attributes in the response.
    pub(super) shown: Shown,
}

/// Attributes of resources in a response.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The only attributes, in lower case; all if `None`.
    only: Option<Vec<String>>,
    /// Attributes that are left out, in lower case.
    excluded: Vec<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for ListParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Parameters { filter, start_index, count, attributes, excluded_attributes } = read(&parts.uri)?;
        Ok(Self {
            filter: filter.filter(|filter| !filter.trim().is_empty()),
            // RFC 7644, section 3.4.2.4: a smaller index is 1, and a negative count is 0.
            offset: start_index.unwrap_or(1).max(1) - 1,
            count: count.unwrap_or(DEFAULT_COUNT).clamp(0, MAX_COUNT),
            shown: Shown::parse(attributes.as_deref(), excluded_attributes.as_deref())?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Parameters { attributes, excluded_attributes, .. } = read(&parts.uri)?;
        Self::parse(attributes.as_deref(), excluded_attributes.as_deref())
    }
}

impl Shown {
    fn parse(only: Option<&str>, excluded: Option<&str>) -> Result<Self, Problem> {
        if only.into_iter().chain(excluded).any(|names| names.len() > MAX_NAMES_BYTES) {
            let message = format!("must have at most {MAX_NAMES_BYTES} bytes");
            return Err(invalid("invalidValue", "/attributes", message));
        }
        let only = only.map(names).filter(|names| !names.is_empty());
        Ok(Self { only, excluded: excluded.map(names).unwrap_or_default() })
    }

    /// Returns whether an attribute, in lower case, is in the response.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_among = |names: &[String]| names.iter().any(|other| other == name);
        ALWAYS.contains(&name) || self.only.as_deref().map_or_else(|| !is_among(&self.excluded), is_among)
    }

    /// Returns the attributes of a resource that are in the response.
    pub(super) fn select(&self, mut resource: Map<String, Value>) -> Map<String, Value> {
        resource.retain(|name, _| self.has(&name.to_ascii_lowercase()));
        resource
    }
}

/// Returns the names of attributes in lower case. A sub-attribute selects the attribute as a whole.
fn names(list: &str) -> Vec<String> {
    let attribute = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let name = name.rsplit(':').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default().to_owned()
    };
    list.split(',').map(attribute).filter(|name| !name.is_empty()).collect()
}

/// Returns the response with a page of resources.
pub(super) fn list_response(
    resources: impl IntoIterator<Item = Resource>,
    total: i64,
    offset: i64,
    shown: &Shown,
) -> Response {
    let resources: Vec<_> = resources.into_iter().map(|resource| shown.select(resource.json)).collect();
    json_response(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": offset.saturating_add(1),
        "itemsPerPage": resources.len(),
        "Resources": resources,
    }))
}
