//! Tests of searches over HTTP, with documents that a worker has read.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    http::testing::{Answer, Server},
    ingestion::Worker,
    vectors::testing::{Model, unavailable, without_model},
};

const TEXT: &str = "# Handbook\n\n## Holidays\n\nEmployees have 28 days of holiday. Größe: 🦀.\n\n## Sick leave\n\nCall your manager.\n";

/// Server with a worker, and an embedding model for both.
struct Scene {
    server: Server,
    worker: Worker,
    model: Model,
}

impl Scene {
    async fn new(pool: &PgPool) -> Self {
        let model = Model::default();
        let vectors = model.vectors().await;
        let server = Server::start(pool).await.with_vectors(vectors.clone());
        server.add_collection(pool).await;
        let worker = server.worker().with_vectors(Some(vectors));
        Self { server, worker, model }
    }

    /// Uploads a document, lets the worker read it, and returns its ID.
    async fn upload(&self, tenant: &str, tags: &[&str], text: &str) -> String {
        let body = json!({"fileName": "handbook.md", "tags": tags});
        let created = self.server.post(tenant, "builder", "/v1/documents", &body).await;
        let id = created.body["id"].as_str().unwrap().to_owned();
        self.replace(tenant, &id, text).await;
        self.worker.process_all().await;
        let path = format!("/v1/documents/{id}");
        let document = self.server.get(tenant, "viewer", &path).await.body;
        assert_eq!(document["status"], "READY", "{document}");
        id
    }

    async fn replace(&self, tenant: &str, id: &str, text: &str) {
        let path = format!("/v1/documents/{id}/content");
        let stored = self.server.put_text(tenant, "builder", &path, text).await;
        assert_eq!(stored.status, 200, "{}", stored.body);
    }

    async fn search(&self, tenant: &str, role: &str, body: &Value) -> Answer {
        self.server.post(tenant, role, "/v1/searches", body).await
    }

    /// Returns the hits of a search.
    async fn hits(&self, tenant: &str, body: &Value) -> Vec<Value> {
        let answer = self.search(tenant, "viewer", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"].as_array().unwrap().clone()
    }

    /// Returns the IDs of the documents of the hits.
    async fn documents(&self, tenant: &str, body: &Value) -> Vec<String> {
        let hits = self.hits(tenant, body).await;
        hits.iter().map(|hit| hit["documentId"].as_str().unwrap().to_owned()).collect()
    }
}

fn slice(text: &str, range: &Value) -> String {
    let position = |name: &str| usize::try_from(range[name].as_u64().unwrap()).unwrap();
    text.chars().skip(position("start")).take(position("end") - position("start")).collect()
}

/// A hit is exactly the characters of the document that it cites, has its rank in both rankings, and names the words that were found.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_hit_cites_the_text_of_its_document(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let id = scene.upload("acme", &[], TEXT).await;
    let body = json!({"query": "How many holidays do employees have?", "explain": true});
    let answer = scene.search("acme", "viewer", &body).await;
    assert_eq!((answer.status, &answer.body["mode"]), (200, &json!("HYBRID")), "{}", answer.body);
    assert_eq!(
        (&answer.body["degraded"], &answer.body["explanation"]["queryKind"]),
        (&json!(false), &json!("QUESTION"))
    );
    let hits = answer.body["data"].as_array().unwrap();
    for hit in hits {
        assert_eq!((&hit["documentId"], &hit["contentVersion"]), (&json!(id), &json!(1)));
        assert_eq!(slice(TEXT, hit), hit["text"].as_str().unwrap());
    }
    let hit = hits.iter().find(|hit| hit["text"].as_str().unwrap().contains("28 days")).unwrap();
    assert_eq!(hit["keyword"]["rank"], 1, "{hit}");
    assert!(hit["dense"]["rank"].is_u64(), "{hit}");
    let text = hit["text"].as_str().unwrap();
    let words = hit["highlights"].as_array().unwrap().iter().map(|word| slice(text, word).to_lowercase());
    let words: Vec<_> = words.collect();
    assert!(words.contains(&"employees".to_owned()) && words.contains(&"holiday".to_owned()), "{words:?}");
    assert!(hit["headings"].as_array().unwrap().contains(&json!("Handbook")), "{hit}");
}

/// Tenants with the same texts find their own documents only, and see nothing of the others in the explanation.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn tenants_with_the_same_texts_do_not_meet(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let acme = scene.upload("acme", &[], TEXT).await;
    let globex = scene.upload("globex", &[], TEXT).await;
    for mode in ["HYBRID", "DENSE", "KEYWORD"] {
        let body = json!({"query": "holiday", "mode": mode, "limit": 50, "explain": true});
        for (tenant, own) in [("acme", &acme), ("globex", &globex)] {
            let answer = scene.search(tenant, "viewer", &body).await.body;
            let hits = answer["data"].as_array().unwrap();
            assert!(
                !hits.is_empty() && hits.iter().all(|hit| hit["documentId"] == **own),
                "{mode}: {answer}"
            );
            let candidates = &answer["explanation"]["denseCandidates"];
            assert!(candidates.as_u64().unwrap() <= 3, "{mode}: {answer}");
        }
    }
    let foreign = json!({"query": "holiday", "documentIds": [globex]});
    assert_eq!(scene.documents("acme", &foreign).await, Vec::<String>::new());
}

/// A point whose chunk was replaced or whose document is not ready is no hit, and is counted.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn stale_points_are_no_hits(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let id = scene.upload("acme", &[], "Employees have 28 days of holiday.").await;
    let body = json!({"query": "holiday"});
    assert_eq!(scene.documents("acme", &body).await, [id.as_str()]);
    // The points of the first content remain until a worker has read the second one.
    scene.replace("acme", &id, "Employees have 30 days of holiday.").await;
    assert_eq!(scene.hits("acme", &body).await, Vec::<Value>::new());
    assert!(scene.server.registry.encode().unwrap().contains("searches_stale_points_total 1"));
    scene.worker.process_all().await;
    let hits = scene.hits("acme", &body).await;
    let texts: Vec<_> =
        hits.iter().map(|hit| (hit["text"].as_str().unwrap(), hit["contentVersion"].as_i64())).collect();
    assert_eq!(texts, [("Employees have 30 days of holiday.", Some(2))]);
    for status in ["DELETING", "FAILED", "PROCESSING"] {
        sqlx::query("update documents set status = $1").bind(status).execute(&pool).await.unwrap();
        assert_eq!(scene.hits("acme", &body).await, Vec::<Value>::new(), "{status}");
    }
    sqlx::query("update documents set status = 'READY'").execute(&pool).await.unwrap();
    assert_eq!(scene.hits("acme", &body).await.len(), 1);
    sqlx::query("delete from document_chunks").execute(&pool).await.unwrap();
    assert_eq!(scene.hits("acme", &body).await, Vec::<Value>::new());
}

/// Without an embedding model that answers, documents are found by their words, and the response says why.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_search_without_a_model_is_by_words(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let id = scene.upload("acme", &[], TEXT).await;
    scene.model.set_down(true);
    for mode in ["HYBRID", "DENSE"] {
        let answer = scene.search("acme", "viewer", &json!({"query": "holiday", "mode": mode})).await.body;
        assert_eq!(
            (&answer["mode"], &answer["degraded"], &answer["degradedReason"]),
            (&json!("KEYWORD"), &json!(true), &json!("EMBEDDER_UNAVAILABLE")),
            "{answer}"
        );
        assert_eq!(
            (&answer["data"][0]["documentId"], &answer["data"][0]["dense"]),
            (&json!(id), &Value::Null)
        );
    }
    let keyword = scene.search("acme", "viewer", &json!({"query": "holiday", "mode": "KEYWORD"})).await.body;
    assert_eq!((&keyword["degraded"], &keyword["degradedReason"]), (&json!(false), &Value::Null));
    let Scene { server, .. } = scene;
    let server = server.with_vectors(without_model());
    let answer = server.post("acme", "viewer", "/v1/searches", &json!({"query": "holiday"})).await.body;
    assert_eq!(
        (&answer["degradedReason"], &answer["data"][0]["documentId"]),
        (&json!("NO_EMBEDDER"), &json!(id))
    );
}

/// A search finds documents that its filters select, by the tags that they have now, and one hit of each document if requested.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn filters_select_documents(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let hr = scene.upload("acme", &["hr"], TEXT).await;
    let sales = scene.upload("acme", &["sales"], TEXT).await;
    let with = |filter: &str, value: Value| json!({"query": "holiday handbook manager", "groupByDocument": true, filter: value});
    assert_eq!(scene.documents("acme", &with("tags", json!(["hr", "other"]))).await, [hr.as_str()]);
    assert_eq!(scene.documents("acme", &with("documentIds", json!([sales]))).await, [sales.as_str()]);
    assert_eq!(scene.documents("acme", &with("documentIds", json!([Uuid::nil()]))).await.len(), 0);
    assert_eq!(scene.documents("acme", &with("mimeTypes", json!(["application/pdf"]))).await.len(), 0);
    assert_eq!(scene.documents("acme", &with("mimeTypes", json!(["text/markdown"]))).await.len(), 2);
    assert_eq!(scene.documents("acme", &with("limit", json!(1))).await.len(), 1);
    let path = format!("/v1/documents/{hr}");
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
    let changed = scene.server.patch("acme", "builder", &path, &headers, r#"{"tags": ["legal"]}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(scene.documents("acme", &with("tags", json!(["hr"]))).await.len(), 0, "at once");
    scene.worker.process_all().await;
    assert_eq!(scene.documents("acme", &with("tags", json!(["legal"]))).await, [hr.as_str()]);
}

/// Somebody finds the documents that policies permit them to read together with their chunks; a policy that denies one of both hides them.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn policies_select_what_is_found(pool: PgPool) {
    let scene = Scene::new(&pool).await;
    let hr = scene.upload("acme", &["hr"], TEXT).await;
    let sales = scene.upload("acme", &["sales"], TEXT).await;
    let role = async |name: &str, effect: &str, actions: Value, others: Value| {
        let policy = json!({"name": name, "effect": effect, "actions": actions,
                            "resources": [{"kind": "DOCUMENT_TAG", "tag": "hr"}]});
        let reader = json!({"name": format!("{name} others"), "effect": "ALLOW", "actions": others});
        let policy = scene.server.post("acme", "owner", "/v1/policies", &policy).await.body["id"].clone();
        let reader = scene.server.post("acme", "owner", "/v1/policies", &reader).await.body["id"].clone();
        let role = json!({"name": name, "policies": [policy, reader]});
        scene.server.post("acme", "owner", "/v1/roles", &role).await.body["id"].as_str().unwrap().to_owned()
    };
    let body = json!({"query": "holiday", "limit": 50, "explain": true});
    let read = ["document.read", "chunk.read"];
    for (name, effect, actions, others, found) in [
        ("Permitted", "ALLOW", json!(read), json!(["search.query"]), &hr),
        ("Permitted documents", "ALLOW", json!([read[0]]), json!(["search.query", read[1]]), &hr),
        ("Permitted chunks", "ALLOW", json!([read[1]]), json!(["search.query", read[0]]), &hr),
        ("Denied documents", "DENY", json!([read[0]]), json!(["search.query", read[0], read[1]]), &sales),
        ("Denied chunks", "DENY", json!([read[1]]), json!(["search.query", read[0], read[1]]), &sales),
    ] {
        let role = role(name, effect, actions, others).await;
        let answer = scene.search("acme", &role, &body).await;
        let hits = answer.body["data"].as_array().unwrap();
        assert!(
            !hits.is_empty() && hits.iter().all(|hit| hit["documentId"] == **found),
            "{name}: {}",
            answer.body
        );
        assert_eq!(hits[0]["keyword"]["rank"], 1, "{name}: {}", answer.body);
    }
    let only = async |permission: &str| {
        role(&format!("Only {permission}"), "ALLOW", json!([permission]), json!(["search.query"])).await
    };
    for role in [only("document.read").await, only("chunk.read").await, "billing".to_owned()] {
        let answer = scene.search("acme", &role, &body).await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    }
}

/// Every value that is not valid is named, and a missing or broken vector database is told apart from a search without hits.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_search_that_cannot_be_made_is_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let search = async |server: &Server, body: Value| {
        let answer = server.post("acme", "viewer", "/v1/searches", &body).await;
        (answer.status, answer.body)
    };
    let many = vec!["a"; 101];
    let wrong = json!({"query": " ", "limit": 51, "tags": many, "mimeTypes": ["a", "\u{0}"]});
    let (status, body) = search(&server, wrong).await;
    let pointers = body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
    let pointers: Vec<_> = pointers.collect();
    assert_eq!((status, pointers), (422, vec!["/query", "/limit", "/tags", "/mimeTypes/1"]));
    for query in ["x".repeat(2_001), String::new()] {
        assert_eq!(search(&server, json!({"query": query})).await.0, 422);
    }
    let (status, body) = search(&server, json!({"query": "holiday"})).await;
    assert_eq!((status, &body["code"]), (501, &json!("no_vector_database")));
    let server = server.with_vectors(unavailable());
    let (status, body) = search(&server, json!({"query": "holiday"})).await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "no collection: {body}");
    server.add_collection(&pool).await;
    let (status, body) = search(&server, json!({"query": "holiday"})).await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "{body}");
    let server = server.with_vectors(without_model());
    let (status, body) = search(&server, json!({"query": "the \u{0}"})).await;
    assert_eq!((status, &body["data"]), (200, &json!([])), "{body}");
}
