//! Tests of trusted documents.

use serde_json::json;
use sqlx::PgPool;

use super::code;
use crate::{
    graphql::{TrustedDocuments, sha256},
    http::testing::Server,
};

/// With trusted documents, only these are executed: by their identifiers, or by their exact text, over POST and GET.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_trusted_documents_are_executed(pool: PgPool) {
    let folder = std::env::temp_dir().join(format!("smb-documents-{}", telemetry::ids::uuid_v7()));
    std::fs::create_dir(&folder).unwrap();
    let document = "query Me { viewer { email } }";
    std::fs::write(folder.join("me.graphql"), document).unwrap();
    let documents = TrustedDocuments::load(&folder).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let open = Server::start(&pool).await;
    let hash = sha256(document);
    let by_hash = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    let unsupported = open.post("acme", "viewer", "/graphql", &by_hash).await;
    assert_eq!((unsupported.status, code(&unsupported)), (400, Some("PERSISTED_QUERY_NOT_SUPPORTED")));

    let server = open.with_trusted_documents(documents);
    let id = format!("sha256:{hash}");
    for body in [
        json!({"documentId": id}),
        by_hash,
        json!({"query": document}),
        json!({"documentId": id, "query": document}),
    ] {
        let answer = server.post("acme", "viewer", "/graphql", &body).await;
        assert_eq!(answer.body["data"]["viewer"]["email"], "anna@acme.example", "{body}: {}", answer.body);
    }
    let get = server.get("acme", "viewer", &format!("/graphql?documentId=sha256%3A{hash}")).await;
    assert_eq!(get.body["data"]["viewer"]["email"], "anna@acme.example", "{}", get.body);
    for (body, expected) in [
        (json!({"query": "{ viewer { email } }"}), "PERSISTED_DOCUMENT_NOT_FOUND"),
        (json!({"documentId": "sha256:00"}), "PERSISTED_DOCUMENT_NOT_FOUND"),
        (json!({"documentId": id, "query": "{ viewer { email } }"}), "PERSISTED_DOCUMENT_NOT_FOUND"),
        (json!({}), "PERSISTED_DOCUMENT_ID_REQUIRED"),
    ] {
        let refused = server.post("acme", "admin", "/graphql", &body).await;
        assert_eq!((refused.status, code(&refused)), (400, Some(expected)), "{body}: {}", refused.body);
    }
}
