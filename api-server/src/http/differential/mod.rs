//! REST and GraphQL give the same answers to the same questions. The questions are generated: every list of the OpenAPI document
//! with each filter and order that both schemas have, page by page and in both directions, and every object by its ID, for callers
//! with different permissions. A list, a filter or a field that only one of them has fails the test, unless it is named here.

mod events;
mod graphql;
mod lists;
mod objects;
mod people;
mod rest_api;
mod revisions;
mod rights;
mod writes;

use serde_json::Value;

use crate::http::testing::{Answer, Server};

/// Caller of a question.
#[derive(Clone, Copy, Debug)]
enum Caller {
    /// User of a tenant with a role.
    User(&'static str, &'static str),
    /// Administrator of the platform with a role.
    Platform(&'static str),
}

/// Callers of all questions: some may read everything, others lack permissions or belong to another tenant.
const CALLERS: [Caller; 6] = [
    Caller::User("acme", "viewer"),
    Caller::User("acme", "billing"),
    Caller::User("acme", "auditor"),
    Caller::User("globex", "owner"),
    Caller::Platform("platform-support"),
    Caller::Platform("platform-admin"),
];

impl Caller {
    async fn get(self, server: &Server, path: &str) -> Answer {
        match self {
            Self::User(tenant, role) => server.get(tenant, role, path).await,
            Self::Platform(role) => server.platform(role, "GET", path, &[], "").await,
        }
    }

    async fn query(self, server: &Server, document: &str, variables: &Value) -> Answer {
        let body = serde_json::json!({"query": document, "variables": variables});
        match self {
            Self::User(tenant, role) => server.post(tenant, role, "/graphql", &body).await,
            Self::Platform(role) => {
                let headers = [("content-type", "application/json")];
                server.platform(role, "POST", "/graphql", &headers, &body.to_string()).await
            }
        }
    }
}

/// Answer to a question, in the form that REST and GraphQL have in common.
#[derive(Clone, Debug, PartialEq)]
enum Reply {
    Found(Value),
    Missing,
    /// Code of the error, as REST spells it.
    Refused(String),
}

impl Reply {
    fn of_rest(answer: &Answer) -> Self {
        match (answer.status, answer.body["code"].as_str()) {
            (200, _) => Self::Found(answer.body.clone()),
            (404, _) => Self::Missing,
            (_, code) => Self::Refused(code.unwrap_or_default().to_owned()),
        }
    }

    /// Returns the answer in the field at a path below `data`.
    fn of_graphql(answer: &Answer, path: &[&str]) -> Self {
        if let Some(error) = answer.body["errors"].get(0) {
            let code = error["extensions"]["code"].as_str();
            return Self::Refused(code.map_or_else(|| error.to_string(), str::to_lowercase));
        }
        let found = path.iter().fold(&answer.body["data"], |value, field| &value[*field]);
        if found.is_null() { Self::Missing } else { Self::Found(found.clone()) }
    }
}
