//! `GET /v1/workflow-runs/{id}/events`

use axum::{Json, extract::State};

use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::{Query, RunReference},
        v1::events::resource::{EventList, Parameters},
    },
    problem::Problem,
};

/// List the events of a run
///
/// Returns the changes of a run, oldest first, as `GET /v1/events` does. Requires the permission `event.read`. Fails with 404
/// `not_found` if the tenant has no such run, or with 400 `invalid_cursor`.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/events", tag = "events",
    params(("id" = String, Path, description = "ID, UID or name of the run"), Parameters),
    responses((status = OK, description = "Page of events", body = EventList))
)]
pub(in crate::http) async fn list_run_events(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
    Query(parameters): Query<Parameters>,
) -> Result<Json<EventList>, Problem> {
    let page = parameters.page()?;
    let found = app::events::of_run(&app, tenant.scope, &reference, page).await?;
    Ok(Json(EventList::new(page, found)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, Server};

    /// The events of a run are its own changes in order, and those of another tenant's run are not found.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_events_of_a_run_are_its_own(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.finish_queued_run().await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/events");
        let page = server.get("acme", "viewer", &path).await;
        let events = page.body["data"].as_array().unwrap();
        let changes: Vec<_> =
            events.iter().map(|event| (&event["change"], &event["data"]["status"])).collect();
        assert_eq!(
            serde_json::json!(changes),
            serde_json::json!([["CREATED", "QUEUED"], ["UPDATED", "SUCCEEDED"]])
        );
        let first = events[0]["id"].as_str().unwrap();
        let rest = server.get("acme", "viewer", &format!("{path}?after={first}")).await;
        assert_eq!(rest.body["data"].as_array().unwrap().len(), 1);
        assert_eq!(server.get("globex", "owner", &path).await.status, 404);
        assert_eq!(server.get("acme", "billing", &path).await.status, 403);
    }
}
