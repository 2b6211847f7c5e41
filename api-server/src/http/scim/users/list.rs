//! `GET /scim/v2/Users`

use axum::{extract::State, response::Response};

use super::resource::{GroupNames, resource};
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

/// Returns a page of the users that a filter selects.
pub(in crate::http::scim) async fn list_users(
    State(app): State<App>,
    Member { tenant, .. }: Member,
    parameters: ListParameters,
) -> Result<Response, Problem> {
    let ListParameters { filter, offset, count, shown } = parameters;
    let Some(selection) = filter::of_users(filter.as_deref())? else {
        return Ok(list_response([], 0, offset, &shown));
    };
    let (users, total) = app::users::list_provisioned(&app, tenant.scope, selection, offset, count).await?;
    let names = GroupNames::read(&app, tenant.scope).await?;
    let resources = users.into_iter().map(|user| resource(user, &names));
    Ok(list_response(resources, total, offset, &shown))
}
