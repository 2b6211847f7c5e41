//! The class of an answer, as the page names it.

use serde_json::Value;

use crate::http::testing::Answer;

/// Statuses of requests that were executed, or refused for a reason that has nothing to do with the caller.
const EXECUTED: [u16; 7] = [200, 201, 202, 204, 409, 412, 422];

/// Class of an answer, and the explanation of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// `yes`, `401`, `403`, `403*`, `404` or `423`; otherwise what is wrong with the answer.
    pub(super) name: String,
    /// Message of a refusal.
    pub(super) message: String,
}

/// Returns the class of the answer to an operation.
pub(super) fn class(operation: &str, answer: &Answer) -> Class {
    let is_graphql = !operation.contains(' ');
    let body = &answer.body;
    if operation == "Query.__schema" && answer.status == 200 && body["data"]["found"].is_null() {
        // Introspection is null without the permission.
        return Class { name: "403".to_owned(), message: "schema.introspect".to_owned() };
    }
    if is_graphql && answer.status == 200 {
        return graphql(body);
    }
    // A bulk operation has an answer for each object.
    match body.pointer("/data/0").filter(|_| operation.contains("/workflow-run-")) {
        Some(result) => {
            let status = result["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            of_status(status.unwrap_or_default(), &result["problem"])
        }
        None => of_status(answer.status, body),
    }
}

fn of_status(status: u16, body: &Value) -> Class {
    let message = body["detail"].as_str().unwrap_or_default().to_owned();
    let name = match status {
        403 if body["code"] == "tenant_required" => "403*".to_owned(),
        401 | 403 | 404 | 423 => status.to_string(),
        // The callers have tokens, and may end only a session, which they do not have.
        400 if body["code"] == "session_required" => "yes".to_owned(),
        status if EXECUTED.contains(&status) => "yes".to_owned(),
        status => format!("unexpected {status}: {body}"),
    };
    Class { name, message }
}

fn graphql(body: &Value) -> Class {
    let found = body.pointer("/data/found");
    let errors = ["/data/found/userErrors/0", "/data/found/results/0/userErrors/0"];
    let user_error = errors.iter().find_map(|pointer| body.pointer(pointer));
    let error = body.pointer("/errors/0");
    let code = match (error, user_error) {
        (Some(error), _) => error.pointer("/extensions/code"),
        (None, Some(error)) => error.get("code"),
        (None, None) => None,
    };
    let message = error.or(user_error).and_then(|error| error["message"].as_str()).unwrap_or_default();
    let is_null = |found: &Value| {
        found.is_null() || found.as_array().is_some_and(|list| list.iter().all(Value::is_null))
    };
    let name = match code.and_then(Value::as_str) {
        Some("FORBIDDEN") => "403",
        Some("TENANT_REQUIRED") => "403*",
        Some("NOT_FOUND") => "404",
        Some("TENANT_SUSPENDED") => "423",
        None if error.is_none() && found.is_none_or(is_null) => "404",
        _ if error.is_none() => "yes",
        _ => return Class { name: format!("unexpected: {body}"), message: message.to_owned() },
    };
    Class { name: name.to_owned(), message: message.to_owned() }
}
