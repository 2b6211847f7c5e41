//! `GET /v1/documents`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::{Document, DocumentField};
use crate::{
    app::{self, App, documents::Filter},
    http::{
        authorize::Member,
        extract::optional_enum_name,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::Problem,
    store::documents::DocumentStatus,
};

/// Filters of the list.
#[derive(Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by status: `PENDING`, `PROCESSING`, `READY`, `FAILED` or `DELETING`.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    status: Option<DocumentStatus>,
    /// Filter by tag: only documents with this tag.
    tag: Option<String>,
    /// Filter by creation time: only documents created after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<jiff::Timestamp>,
    /// Filter by creation time: only documents created before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<jiff::Timestamp>,
}

/// List documents
///
/// Returns a page of the tenant's documents, newest first by default. Requires the permission `document.read`.
#[utoipa::path(
    get, path = "/v1/documents", tag = "documents",
    params(PageParameters, Parameters, Fields<DocumentField>),
    responses((status = OK, description = "Page of documents", body = List<Document>))
)]
pub(in crate::http) async fn list_documents(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, DocumentField>,
) -> Result<Response, Problem> {
    let Parameters { status, tag, created_after, created_before } = request.filter.clone();
    let filter = Filter { status, tag, created: created(created_after, created_before) };
    let page = app::documents::list(&app, tenant.scope, &filter, &request.paging).await?;
    let total = request.total_count(app::documents::count(&app, tenant.scope, &filter)).await?;
    Ok(request.response(page, total, |document| Document::new(tenant.scope, document)))
}
