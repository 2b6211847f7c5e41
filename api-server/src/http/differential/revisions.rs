//! Questions about revisions of workflows.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{
    CALLERS, Caller, Reply,
    graphql::{Schema, encode},
};
use crate::http::testing::{ARCHIVED_WORKFLOW, Server, WORKFLOW};

/// Revisions are the same in REST and GraphQL: in a list, by their numbers, and by their IDs, with their definitions.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn revisions_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    let other = "00000000-0000-4000-8000-00000000dead";
    let objects = [(1, WORKFLOW, "aaa"), (3, WORKFLOW, "ccc"), (2, WORKFLOW, "bbb"), (9, other, "ddd")];
    server.kubernetes.set_revisions("invoice", &objects);
    for workflow in [WORKFLOW, ARCHIVED_WORKFLOW, other] {
        for caller in CALLERS {
            let listed = lists_are_equal(&server, workflow, caller).await;
            for name in listed.into_iter().chain(["invoice-ddd".to_owned()]) {
                objects_are_equal(&server, workflow, &name, caller).await;
            }
        }
    }
}

/// Compares the lists, and returns the names of the revisions.
async fn lists_are_equal(server: &Server, workflow: &str, caller: Caller) -> Vec<String> {
    let rest = Reply::of_rest(&caller.get(server, &format!("/v1/workflows/{workflow}/revisions")).await);
    let mut listed = None;
    for (size, from) in [("first", "after"), ("last", "before")] {
        for limit in [1, 2, 100] {
            let graphql = list(server, workflow, caller, (size, from), limit).await;
            let about = format!("{caller:?} {workflow} {size} {limit}");
            match (&rest, graphql) {
                (Reply::Found(rest), Reply::Found(found)) => {
                    assert_eq!(found, rest["data"], "{about}");
                    listed = Some(found);
                }
                (rest, graphql) => assert_eq!(&graphql, rest, "{about}"),
            }
        }
    }
    let names = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
    names.map(|revision| revision["name"].as_str().unwrap().to_owned()).collect()
}

async fn list(
    server: &Server,
    workflow: &str,
    caller: Caller,
    (size, from): (&str, &str),
    limit: usize,
) -> Reply {
    let document = format!(
        "query ($id: ID!, $limit: Int!, $cursor: String) {{ workflow(id: $id) {{
           revisions({size}: $limit, {from}: $cursor) {{
             totalCount nodes {{ name number digest current createdAt }}
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"
    );
    let (mut pages, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({"id": encode("Workflow", workflow), "limit": limit, "cursor": cursor});
        let answer = caller.query(server, &document, &variables).await;
        let page = match Reply::of_graphql(&answer, &["workflow", "revisions"]) {
            Reply::Found(page) => page,
            reply => return reply,
        };
        pages.push(page["nodes"].as_array().unwrap().clone());
        let (more, next) = match size {
            "first" => ("hasNextPage", "endCursor"),
            _ => ("hasPreviousPage", "startCursor"),
        };
        if page["pageInfo"][more] == false {
            if size == "last" {
                pages.reverse();
            }
            let all = pages.concat();
            assert_eq!(page["totalCount"], all.len().to_string());
            return Reply::Found(json!(all));
        }
        cursor = page["pageInfo"][next].clone();
    }
}

async fn objects_are_equal(server: &Server, workflow: &str, name: &str, caller: Caller) {
    let path = format!("/v1/workflows/{workflow}/revisions/{name}");
    let rest = Reply::of_rest(&caller.get(server, &path).await);
    let schema = Schema::load();
    let selection = match &rest {
        Reply::Found(revision) => {
            let (selection, missing) = schema.selection("WorkflowRevision", revision.as_object().unwrap());
            assert!(missing.is_empty(), "GraphQL lacks {missing:?}");
            selection
        }
        Reply::Missing | Reply::Refused(_) => "id".to_owned(),
    };
    let id = encode("WorkflowRevision", &format!("{workflow}/{name}"));
    for field in ["workflowRevision", "node"] {
        let document = format!(
            "query ($id: ID!) {{ {field}(id: $id) {{ ... on WorkflowRevision {{ {selection} }} }} }}"
        );
        let answer = caller.query(server, &document, &json!({"id": id})).await;
        assert_eq!(Reply::of_graphql(&answer, &[field]), rest, "{caller:?} {path} {field}");
    }
    let Reply::Found(revision) = &rest else { return };
    let document = format!(
        "query ($id: ID!, $number: Int!) {{ workflow(id: $id) {{ revisionByNumber(number: $number) {{ {selection} }} }} }}"
    );
    let variables = json!({"id": encode("Workflow", workflow), "number": revision["number"]});
    let answer = caller.query(server, &document, &variables).await;
    assert_eq!(
        Reply::of_graphql(&answer, &["workflow", "revisionByNumber"]),
        rest,
        "{caller:?} {path} by number"
    );
}
