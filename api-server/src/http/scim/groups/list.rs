//! `GET /scim/v2/Groups`

use axum::{extract::State, response::Response};

use super::resource::resource;
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        scim::{
            filter,
            list::{ListParameters, list_response},
        },
    },
    problem::Problem,
};

/// Returns a page of the groups that a filter selects.
pub(in crate::http::scim) async fn list_groups(
    State(app): State<App>,
    Member { tenant, .. }: Member,
    parameters: ListParameters,
) -> Result<Response, Problem> {
    let ListParameters { filter, offset, count, shown } = parameters;
    let Some(selection) = filter::of_groups(filter.as_deref())? else {
        return Ok(list_response([], 0, offset, &shown));
    };
    let number = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let (skipped, limit) = (number(offset), number(count));
    let with_members = shown.has("members");
    let (groups, total) =
        app::groups::list(&app, tenant.scope, &selection, skipped, limit, with_members).await?;
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    Ok(list_response(groups.into_iter().map(resource), total, offset, &shown))
}
