//! The query parameters that each operation knows, as its OpenAPI description says.

use std::collections::HashMap;

use axum::http::Uri;
use utoipa::openapi::{OpenApi, path::Operation};

use super::openapi;
use crate::problem::{Code, Problem};

/// Maximum length of the part of an unknown name that is repeated in the error.
const MAX_SHOWN_LENGTH: usize = 64;

/// Names of the query parameters by operation, such as `GET /v1/workflows`.
pub(in crate::http) struct QueryParameters(HashMap<String, Vec<String>>);

impl QueryParameters {
    /// Returns the parameters of all operations that a document describes.
    pub(in crate::http) fn from_document(document: &OpenApi) -> Self {
        let operations = openapi::described_operations(document);
        Self(operations.map(|(name, operation)| (name, names(operation))).collect())
    }

    /// Checks that an operation knows all query parameters of a URI. Operations that the document does not describe check
    /// their own.
    ///
    /// # Errors
    /// Returns an error with the names of all known parameters if there is an unknown one.
    pub(in crate::http) fn check(&self, operation: &str, uri: &Uri) -> Result<(), Problem> {
        let Some(known) = self.0.get(operation) else { return Ok(()) };
        let query = uri.query().unwrap_or_default().as_bytes();
        let mut names = url::form_urlencoded::parse(query).map(|(name, _)| name);
        match names.find(|name| !known.iter().any(|known| known == name)) {
            Some(unknown) => Err(Problem::new(Code::UnknownParameter).detail(explanation(&unknown, known))),
            None => Ok(()),
        }
    }
}

fn names(operation: &Operation) -> Vec<String> {
    openapi::query_parameters(operation).map(str::to_owned).collect()
}

fn explanation(unknown: &str, known: &[String]) -> String {
    let shown: String = unknown.chars().take(MAX_SHOWN_LENGTH).collect();
    match known {
        [] => format!("unknown query parameter {shown:?}: this operation has none"),
        known => format!("unknown query parameter {shown:?}: this operation has {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, RUN, Server};

    /// An unknown parameter is refused by every operation, with all that the operation knows.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_parameter_is_refused_with_the_known_ones(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (path, known) in [
            (
                "/v1/workflow-runs".to_owned(),
                "has limit, cursor, sort, include, status, createdAfter, createdBefore, fields",
            ),
            ("/v1/plans".to_owned(), "has limit, cursor, sort, include, fields"),
            (format!("/v1/workflow-runs/{RUN}/logs"), "has step, item, attempt, stream, cursor, limit"),
            (format!("/v1/workflow-runs/{RUN}"), "has fields"),
            ("/v1/me".to_owned(), "has none"),
        ] {
            let answer = server.get("acme", "admin", &format!("{path}?state=FAILED")).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (400, Some("unknown_parameter")),
                "{path}"
            );
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains("\"state\"") && detail.contains(known), "{path}: {detail}");
        }
        let cancel = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation?mode=NOW");
        let answer = server.put("acme", "admin", &cancel, &serde_json::json!({"mode": "NOW"})).await;
        assert_eq!(answer.body["code"], "unknown_parameter", "an ignored parameter would cancel otherwise");
    }
}
