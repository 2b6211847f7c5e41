//! `GET /v1/events`

use axum::{Json, extract::State};

use super::resource::{EventList, Parameters};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Query},
    problem::Problem,
};

/// List events
///
/// Returns the changes of the tenant, its workflows and its runs, oldest first. To follow them, repeat the request with the
/// `nextCursor` of each response: no event is returned twice or left out. Events are retained for as long as the plan says, seven days
/// by default. Requires the permission `event.read`. Fails with 400 `invalid_cursor`, or with 410 `events_expired` if events
/// after `after` were deleted: read the current state then, and begin without `after`.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(Parameters),
    responses((status = OK, description = "Page of events", body = EventList))
)]
pub(in crate::http) async fn list_events(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Query(parameters): Query<Parameters>,
) -> Result<Json<EventList>, Problem> {
    let page = parameters.page()?;
    let found = app::events::list(&app, tenant.scope, page).await?;
    Ok(Json(EventList::new(page, found)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Following the cursor returns every event once, in order, and those that are added later.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_cursor_leads_to_every_event_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let (mut path, mut ids) = ("/v1/events?limit=2".to_owned(), Vec::new());
        let last = loop {
            let page = server.get("acme", "viewer", &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let events = page.body["data"].as_array().unwrap();
            ids.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
            let next = page.body["page"]["nextCursor"].as_str().unwrap().to_owned();
            path = format!("/v1/events?limit=2&after={next}");
            if page.body["page"]["hasMore"] == false {
                break next;
            }
        };
        let expected: Vec<_> = (1..=ids.len()).map(|id| id.to_string()).collect();
        assert_eq!(ids, expected);
        assert!(ids.len() > 4, "{ids:?}");
        let none = server.get("acme", "viewer", &path).await;
        assert_eq!(
            (&none.body["data"], &none.body["page"]["nextCursor"]),
            (&serde_json::json!([]), &last.into())
        );
        server.finish_queued_run().await;
        let added = server.get("acme", "viewer", &path).await.body["data"][0].clone();
        assert_eq!(
            (added["kind"].as_str(), added["change"].as_str()),
            (Some("WORKFLOW_RUN"), Some("UPDATED"))
        );
        assert_eq!(added["data"]["status"], "SUCCEEDED");
    }

    /// A client that has missed events because their retention has ended is told so, and no event of another tenant is returned.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn missed_events_are_reported(pool: PgPool) {
        let server = Server::start(&pool).await;
        sqlx::query("delete from events where seq <= 3").execute(&pool).await.unwrap();
        for (after, expected) in [("1", 410), ("3", 200), ("x", 400)] {
            let answer = server.get("acme", "viewer", &format!("/v1/events?after={after}")).await;
            assert_eq!(answer.status, expected, "{after}: {}", answer.body);
        }
        assert_eq!(server.get("acme", "viewer", "/v1/events").await.body["data"][0]["id"], "4");
        let globex = server.get("globex", "viewer", "/v1/events").await;
        let mut events = globex.body["data"].as_array().unwrap().iter();
        assert!(events.all(|event| event["kind"] == "TENANT"), "{}", globex.body);
    }
}
