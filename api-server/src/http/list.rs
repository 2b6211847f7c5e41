//! The parameters and the response that all lists share.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    etag, extract,
    fields::{self, Field, Fields, Selected},
};
use crate::{
    app::{
        Error,
        page::{Page, Paging},
    },
    problem::{Code, Problem},
    store::{self, Count, Created, Order},
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
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// Whether the list has more pages.
    has_more: bool,
    /// Maximum number of resources on the page.
    limit: usize,
    /// Number of resources in the list, on all pages: a number, or `10000+` if there are more than 10,000. Only with
    /// `include=totalCount`.
    #[schema(example = "137")]
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<String>,
}

/// What a response has in addition to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) enum Include {
    /// `totalCount`.
    TotalCount,
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

impl Limit {
    /// Returns the page size.
    pub(in crate::http) fn get(self) -> store::Limit {
        self.0
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
    /// What the page has in addition: `totalCount`, the number of resources in the list. Counting takes longer than reading
    /// a page. Default: nothing.
    #[param(value_type = Option<String>)]
    include: Option<Include>,
}

/// Returns the range of creation times that two filters describe.
pub(in crate::http) fn created(after: Option<jiff::Timestamp>, before: Option<jiff::Timestamp>) -> Created {
    Created { after: after.map(Into::into), before: before.map(Into::into) }
}

/// Names of [`PageParameters`].
const PAGE_PARAMETERS: [&str; 4] = ["limit", "cursor", "sort", "include"];

/// Filters of a list without filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NoFilter {}

/// Request for a page of a list. `F` has the filters of the list and must deny unknown fields; `R` names the fields of its resources.
pub(in crate::http) struct ListRequest<F, R: 'static> {
    uri: Uri,
    include: Option<Include>,
    /// Selected fields of the resources.
    pub(in crate::http) fields: Fields<R>,
    /// Requested page.
    pub(in crate::http) paging: Paging,
    /// Filters.
    pub(in crate::http) filter: F,
}

impl<F: DeserializeOwned, R: Field, S: Send + Sync> FromRequestParts<S> for ListRequest<F, R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let uri = parts.uri.clone();
        let PageParameters { limit, cursor, sort, include } =
            read(&uri, |name| PAGE_PARAMETERS.contains(&name))?;
        let order = match sort.unwrap_or_default() {
            Sort::NewestFirst => Order::NewestFirst,
            Sort::OldestFirst => Order::OldestFirst,
        };
        let limit = limit.map(|Limit(limit)| limit).unwrap_or_default();
        let filter = read(&uri, |name| !PAGE_PARAMETERS.contains(&name) && name != fields::PARAMETER)?;
        let fields = Fields::from_uri(&uri)?;
        let paging = Paging { cursor, order, limit, ..Paging::default() };
        Ok(Self { uri, include, fields, paging, filter })
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

/// Returns the names and values of the query parameters of a URI.
pub(in crate::http) fn parameters(uri: &Uri) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

impl<F, R: Field> ListRequest<F, R> {
    /// Returns the number of resources in the list if the client wants it. Otherwise they are not counted.
    ///
    /// # Errors
    /// Returns an error if counting fails.
    pub(in crate::http) async fn total_count(
        &self,
        count: impl Future<Output = Result<Count, Error>>,
    ) -> Result<Option<Count>, Problem> {
        match self.include {
            Some(Include::TotalCount) => Ok(Some(count.await?)),
            None => Ok(None),
        }
    }

    /// Builds the response for a page, with `Link: rel="next"` if there is a next page.
    pub(in crate::http) fn response<Row, T: Serialize>(
        &self,
        page: Page<Row>,
        total_count: Option<Count>,
        present: impl Fn(Row) -> T,
    ) -> Response {
        let (headers, list) = self.list(page, total_count, present);
        self.fields.mark((headers, axum::Json(list)).into_response())
    }

    /// Builds the response like [`Self::response`] with an entity tag, or 304 if the client has the page already.
    pub(in crate::http) fn response_with_etag<Row, T: Serialize>(
        &self,
        request: &HeaderMap,
        page: Page<Row>,
        total_count: Option<Count>,
        present: impl Fn(Row) -> T,
    ) -> Response {
        let (headers, list) = self.list(page, total_count, present);
        let mut response = etag::with_etag(request, &list);
        response.headers_mut().extend(headers);
        self.fields.mark(response)
    }

    fn list<Row, T: Serialize>(
        &self,
        page: Page<Row>,
        total_count: Option<Count>,
        present: impl Fn(Row) -> T,
    ) -> (HeaderMap, List<Selected<'_, R, T>>) {
        let Page { items, next, limit, list: _ } = page;
        let headers: HeaderMap = next
            .as_deref()
            .and_then(|cursor| link(&self.uri, cursor))
            .map(|link| (header::LINK, link))
            .into_iter()
            .collect();
        let data = items.into_iter().map(|row| self.fields.select(present(row))).collect();
        let page = PageInfo {
            has_more: next.is_some(),
            next_cursor: next,
            limit: limit.get(),
            total_count: total_count.map(|count| count.to_string()),
        };
        (headers, List { data, page })
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
