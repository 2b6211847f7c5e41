//! What goes wrong, as GraphQL errors and as errors of the user.

use std::sync::Arc;

use async_graphql::{Error, ErrorExtensions as _, SimpleObject};

use crate::{
    app,
    http::{Code, Problem},
};

/// Something that the user can set right.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct UserError {
    /// What is wrong, for machines; new codes may be added.
    code: String,
    /// What is wrong, for people.
    message: String,
    /// Where in the mutation's input; absent where it is not about a part of it.
    field: Option<Vec<String>>,
}

/// The error for a caller who lacks a permission.
pub(super) fn forbidden(message: &str) -> Error {
    coded(Code::Forbidden, message)
}

/// The error for a caller whose token names no tenant.
pub(super) fn tenant_required() -> Error {
    coded(Code::TenantRequired, Code::TenantRequired.title())
}

/// A use case that failed, as an error of the field.
pub(super) fn of_app(error: app::Error) -> Error {
    let problem = Problem::from(error);
    coded(problem.code, problem.detail.as_deref().unwrap_or(problem.code.title()))
}

/// A use case that failed for several fields at once.
pub(super) fn of_loader(error: Arc<app::Error>) -> Error {
    match Arc::try_unwrap(error) {
        Ok(error) => of_app(error),
        // Another field has the same failure and reports it.
        Err(_) => coded(Code::Unavailable, Code::Unavailable.title()),
    }
}

/// A mutation that failed: by the user's mistake, or ours.
pub(super) fn of_mutation(error: app::Error) -> Result<Vec<UserError>, Error> {
    let problem = Problem::from(error);
    if problem.status().is_server_error() {
        return Err(coded(problem.code, problem.detail.as_deref().unwrap_or(problem.code.title())));
    }
    if problem.errors.is_empty() {
        let message = problem.detail.unwrap_or_else(|| problem.code.title().to_owned());
        return Ok(vec![UserError { code: upper(problem.code.as_str()), message, field: None }]);
    }
    Ok(problem.errors.into_iter().map(UserError::from).collect())
}

impl From<crate::http::FieldError> for UserError {
    fn from(error: crate::http::FieldError) -> Self {
        let field = error.pointer.split('/').skip(1).map(str::to_owned).collect();
        Self { code: upper(&error.code), message: error.message, field: Some(field) }
    }
}

fn coded(code: Code, message: &str) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", upper(code.as_str())))
}

fn upper(code: &str) -> String {
    code.to_ascii_uppercase()
}
