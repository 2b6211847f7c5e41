//! What every list has: its parameters, a page of data, and where the next one is.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    extract,
    problem::{Code, Problem},
};
use crate::{
    app::page::{Page, Paging},
    store::{self, Order},
};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct List<T> {
    /// The objects of this page, in the order asked for.
    data: Vec<T>,
    /// Where this page is in the list.
    page: PageInfo,
}

/// Where a page is in its list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct PageInfo {
    /// Opaque; give it as `cursor`, with the same filters, to get the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether there are more.
    has_more: bool,
    /// The most objects that a page of this size has.
    limit: usize,
}

/// A page size: 1 to 100.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(in crate::http) struct Limit(store::Limit);

impl TryFrom<i64> for Limit {
    type Error = &'static str;

    fn try_from(limit: i64) -> Result<Self, Self::Error> {
        store::Limit::new(limit).map(Self).ok_or("limit must be from 1 to 100")
    }
}

/// How a list is sorted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(in crate::http) enum Sort {
    /// The youngest first.
    #[default]
    #[serde(rename = "-createdAt")]
    NewestFirst,
    /// The oldest first.
    #[serde(rename = "createdAt")]
    OldestFirst,
}

/// Which page of a list to give.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageParameters {
    /// The page size, 1 to 100; 50 when absent.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// `-createdAt` (the default: newest first) or `createdAt`.
    #[param(value_type = Option<String>)]
    sort: Option<Sort>,
}

/// The names of [`PageParameters`].
const PAGE: [&str; 3] = ["limit", "cursor", "sort"];

/// The filter of a list that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NoFilter {}

/// A request for a page of a list. `F` is what the list can be filtered by, and denies unknown fields.
pub(in crate::http) struct ListRequest<F> {
    uri: Uri,
    /// Which page.
    pub(in crate::http) paging: Paging,
    /// Of what.
    pub(in crate::http) filter: F,
}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ListRequest<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let uri = parts.uri.clone();
        let PageParameters { limit, cursor, sort } = read(&uri, |name| PAGE.contains(&name))?;
        let order = match sort.unwrap_or_default() {
            Sort::NewestFirst => Order::NewestFirst,
            Sort::OldestFirst => Order::OldestFirst,
        };
        let limit = limit.map(|Limit(limit)| limit).unwrap_or_default();
        let filter = read(&uri, |name| !PAGE.contains(&name))?;
        Ok(Self { uri, paging: Paging { after: cursor, order, limit }, filter })
    }
}

/// Some of the parameters of an address. (Serde can flatten one struct into another, but then knows no types any more,
/// and denies nothing.)
fn read<T: DeserializeOwned>(uri: &Uri, wanted: impl Fn(&str) -> bool) -> Result<T, Problem> {
    let some = parameters(uri).filter(|(name, _)| wanted(name));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(some).finish();
    let some = format!("/?{query}").parse().map_err(|_| Problem::new(Code::InvalidParameter))?;
    extract::read(&some)
}

fn parameters(uri: &Uri) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

impl<F> ListRequest<F> {
    /// The answer for a page, with `Link: rel="next"` where there is a next one.
    pub(in crate::http) fn answer<R, T: Serialize>(
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

    /// A client that follows `Link` loses its filter, or goes round in circles.
    #[test]
    fn the_next_page_keeps_the_filter_and_replaces_the_cursor() {
        let uri = "/v1/workflow-runs?status=FAILED&cursor=old&limit=2".parse().unwrap();
        let link = link(&uri, "new").unwrap();
        assert_eq!(link, "</v1/workflow-runs?status=FAILED&limit=2&cursor=new>; rel=\"next\"");
    }
}
