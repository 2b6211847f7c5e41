//! The parameters and the response that all lists share.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::extract;
use crate::{
    app::page::{Page, Paging},
    problem::{Code, Problem},
    store::{self, Order},
};

/// Page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct List<T> {
    /// Resources of this page, in the requested order.
    data: Vec<T>,
    /// Position of the page in the list.
    page: PageInfo,
}

/// Position of a page in its list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct PageInfo {
    /// Opaque value of `cursor` for the next page, with the same filters and order. Null on the last page.
    next_cursor: Option<String>,
    /// Whether the list has more pages.
    has_more: bool,
    /// Maximum number of resources on the page.
    limit: usize,
}

/// Page size, 1 to 100.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(in crate::http) struct Limit(store::Limit);

impl TryFrom<i64> for Limit {
    type Error = &'static str;

    fn try_from(limit: i64) -> Result<Self, Self::Error> {
        store::Limit::new(limit).map(Self).ok_or("limit must be between 1 and 100")
    }
}

/// Order of a list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(in crate::http) enum Sort {
    /// Newest first.
    #[default]
    #[serde(rename = "-createdAt")]
    NewestFirst,
    /// Oldest first.
    #[serde(rename = "createdAt")]
    OldestFirst,
}

/// Paging parameters.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageParameters {
    /// Maximum number of resources on the page, 1 to 100. Default: 50.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
    /// Cursor of the page: the `nextCursor` of the previous page. Default: the first page.
    cursor: Option<String>,
    /// Order of the list: `-createdAt` for newest first or `createdAt` for oldest first. Default: `-createdAt`.
    #[param(value_type = Option<String>)]
    sort: Option<Sort>,
}

/// Names of [`PageParameters`].
const PAGE_PARAMETERS: [&str; 3] = ["limit", "cursor", "sort"];

/// Filters of a list without filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NoFilter {}

/// Request for a page of a list. `F` has the filters of the list and must deny unknown fields.
pub(in crate::http) struct ListRequest<F> {
    uri: Uri,
    /// Requested page.
    pub(in crate::http) paging: Paging,
    /// Filters.
    pub(in crate::http) filter: F,
}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ListRequest<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let uri = parts.uri.clone();
        let PageParameters { limit, cursor, sort } = read(&uri, |name| PAGE_PARAMETERS.contains(&name))?;
        let order = match sort.unwrap_or_default() {
            Sort::NewestFirst => Order::NewestFirst,
            Sort::OldestFirst => Order::OldestFirst,
        };
        let limit = limit.map(|Limit(limit)| limit).unwrap_or_default();
        let filter = read(&uri, |name| !PAGE_PARAMETERS.contains(&name))?;
        Ok(Self { uri, paging: Paging { after: cursor, order, limit }, filter })
    }
}

/// Reads the parameters of a URI whose names fulfil a condition. (With serde's `flatten`, all values would be strings
/// and unknown fields would be ignored.)
fn read<T: DeserializeOwned>(uri: &Uri, is_selected: impl Fn(&str) -> bool) -> Result<T, Problem> {
    let selected = parameters(uri).filter(|(name, _)| is_selected(name));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(selected).finish();
    let uri = format!("/?{query}").parse().map_err(|_| Problem::new(Code::InvalidParameter))?;
    extract::read(&uri)
}

fn parameters(uri: &Uri) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

impl<F> ListRequest<F> {
    /// Builds the response for a page, with `Link: rel="next"` if there is a next page.
    pub(in crate::http) fn response<R, T: Serialize>(
        &self,
        page: Page<R>,
        present: impl Fn(R) -> T,
    ) -> Response {
        let Page { items, next, limit, list: _ } = page;
        let headers: HeaderMap = next
            .as_deref()
            .and_then(|cursor| link(&self.uri, cursor))
            .map(|link| (header::LINK, link))
            .into_iter()
            .collect();
        let data = items.into_iter().map(present).collect();
        let list =
            List { data, page: PageInfo { has_more: next.is_some(), next_cursor: next, limit: limit.get() } };
        (headers, axum::Json(list)).into_response()
    }
}

fn link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let others = parameters(uri).filter(|(name, _)| name != "cursor");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("cursor", cursor)
        .finish();
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The link to the next page has the same filters and the new cursor.
    #[test]
    fn the_link_retains_the_filters_and_replaces_the_cursor() {
        let uri = "/v1/workflow-runs?status=FAILED&cursor=old&limit=2".parse().unwrap();
        let link = link(&uri, "new").unwrap();
        assert_eq!(link, "</v1/workflow-runs?status=FAILED&limit=2&cursor=new>; rel=\"next\"");
    }
}
