//! What every list has: a page of data, and where the next one is.

use axum::{
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// The page that a request asks for.
pub(in crate::http) fn paging(limit: Option<Limit>, cursor: Option<String>, sort: Option<Sort>) -> Paging {
    let order = match sort.unwrap_or_default() {
        Sort::NewestFirst => Order::NewestFirst,
        Sort::OldestFirst => Order::OldestFirst,
    };
    Paging { after: cursor, order, limit: limit.map(|Limit(limit)| limit).unwrap_or_default() }
}

/// The answer for a page, with `Link: rel="next"` where there is a next one.
pub(in crate::http) fn answer<R, T: Serialize>(
    uri: &Uri,
    page: Page<R>,
    present: impl Fn(R) -> T,
) -> Response {
    let Page { items, next, limit, list: _ } = page;
    let headers: HeaderMap = next
        .as_deref()
        .and_then(|cursor| link(uri, cursor))
        .map(|link| (header::LINK, link))
        .into_iter()
        .collect();
    let data = items.into_iter().map(present).collect();
    let list =
        List { data, page: PageInfo { has_more: next.is_some(), next_cursor: next, limit: limit.get() } };
    (headers, axum::Json(list)).into_response()
}

fn link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let others = url::form_urlencoded::parse(query).filter(|(name, _)| name != "cursor");
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
