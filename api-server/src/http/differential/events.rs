//! Questions about events.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{
    CALLERS, Caller, Reply,
    graphql::{Schema, as_rest, encode},
};
use crate::http::testing::{QUEUED_RUN, RUN, Server};

/// Lists of events with the field that leads to each, and the ID of its object.
const LISTS: [(&str, &str); 3] = [("/v1/events", ""), ("run", RUN), ("run", QUEUED_RUN)];

/// Page of events: its events, the position to continue, and whether more follow.
type Page = (Vec<Value>, Value, Value);

/// Events are the same in REST and GraphQL, page by page in both directions, or refused with the same code.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn events_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.finish_queued_run().await;
    let schema = Schema::load();
    for (path, run) in LISTS {
        for caller in CALLERS {
            for limit in [1, 2, 100] {
                let path =
                    if path == "run" { format!("/v1/workflow-runs/{run}/events") } else { path.to_owned() };
                compare(&server, &schema, (&path, run), limit, caller).await;
            }
        }
    }
}

async fn compare(server: &Server, schema: &Schema, (path, run): (&str, &str), limit: usize, caller: Caller) {
    let about = format!("{caller:?} {path} {limit}");
    let rest = by_rest(server, path, limit, caller).await;
    let first = rest.as_ref().ok().and_then(|pages| pages.first()?.0.first());
    let selection = match first {
        Some(event) => {
            let (selection, missing) = schema.selection("Event", event.as_object().unwrap());
            assert!(missing.is_empty(), "GraphQL lacks {missing:?}");
            selection
        }
        None => "id".to_owned(),
    };
    let forward = by_graphql(server, (run, &selection), ("first", "after"), limit, caller).await;
    assert_eq!(forward, rest, "{about}");
    let backward = by_graphql(server, (run, &selection), ("last", "before"), limit, caller).await;
    let reversed =
        backward.map(|pages| pages.into_iter().rev().flat_map(|(events, ..)| events).collect::<Vec<_>>());
    let all = rest.map(|pages| pages.into_iter().flat_map(|(events, ..)| events).collect::<Vec<_>>());
    assert_eq!(reversed, all, "{about}, read backward");
}

async fn by_rest(server: &Server, path: &str, limit: usize, caller: Caller) -> Result<Vec<Page>, Reply> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = match Reply::of_rest(&caller.get(server, &format!("{path}?limit={limit}{after}")).await) {
            Reply::Found(page) => page,
            reply => return Err(reply),
        };
        let (next, more) = (page["page"]["nextCursor"].clone(), page["page"]["hasMore"].clone());
        pages.push((page["data"].as_array().unwrap().clone(), next.clone(), more.clone()));
        if more == false {
            return Ok(pages);
        }
        after = format!("&after={}", next.as_str().unwrap());
    }
}

async fn by_graphql(
    server: &Server,
    (run, selection): (&str, &str),
    (size, from): (&str, &str),
    limit: usize,
    caller: Caller,
) -> Result<Vec<Page>, Reply> {
    let list = format!(
        "events({size}: $limit, {from}: $cursor) {{
           nextCursor nodes {{ {selection} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
    );
    let (document, path): (_, &[&str]) = match run {
        "" => (format!("query ($limit: Int!, $cursor: String) {{ {list} }}"), &["events"]),
        _ => (
            format!(
                "query ($limit: Int!, $cursor: String, $id: ID!) {{ workflowRun(id: $id) {{ {list} }} }}"
            ),
            &["workflowRun", "events"],
        ),
    };
    let (mut pages, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut variables = json!({"limit": limit, "cursor": cursor});
        if !run.is_empty() {
            variables["id"] = encode("WorkflowRun", run).into();
        }
        let page = match Reply::of_graphql(&caller.query(server, &document, &variables).await, path) {
            Reply::Found(page) => page,
            reply => return Err(reply),
        };
        let events = page["nodes"].as_array().unwrap().iter().map(|event| as_rest("Event", event.clone()));
        let (more, next) = match size {
            "first" => ("hasNextPage", "endCursor"),
            _ => ("hasPreviousPage", "startCursor"),
        };
        let more = page["pageInfo"][more].clone();
        pages.push((events.collect(), page["nextCursor"].clone(), more.clone()));
        if more == false {
            return Ok(pages);
        }
        cursor = page["pageInfo"][next].clone();
    }
}
