//! The documents of the guide.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{Server, WORKFLOW};

const GUIDE: &str = include_str!("../../../../../docs/guides/graphql.md");

/// Returns the code blocks of the guide, each with its language. Every other part between two fences is one.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let inside = GUIDE.split("\n```").skip(1).step_by(2);
    let block = |text: &'static str| {
        let (mark, body) = text.split_once('\n').unwrap();
        (mark.split(' ').next().unwrap(), body)
    };
    inside.map(block).collect()
}

/// Every document of the guide succeeds with the variables that follow it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_documents_of_the_guide_succeed(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa")]);
    let blocks = blocks();
    let mut executed = 0;
    for (index, (language, document)) in blocks.iter().enumerate() {
        if *language != "graphql" {
            continue;
        }
        let variables = match blocks.get(index + 1) {
            Some((language, variables)) if *language == "json" => serde_json::from_str(variables).unwrap(),
            _ => json!({}),
        };
        let answer = server.graphql("owner", document, variables).await;
        assert!(answer.body["errors"].is_null(), "{document}: {}", answer.body);
        for payload in answer.body["data"].as_object().unwrap().values() {
            assert!([&Value::Null, &json!([])].contains(&&payload["userErrors"]), "{document}: {payload}");
        }
        executed += 1;
    }
    assert_eq!(executed, GUIDE.matches("\n```graphql").count());
    assert!(executed > 4, "{executed} documents");
}
