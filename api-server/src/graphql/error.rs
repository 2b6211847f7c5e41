//! Errors of fields, and user errors of mutations.

use std::sync::Arc;

use async_graphql::{
    Error, ErrorExtensions as _, PathSegment, QueryPathNode, ServerError, SimpleObject, Value,
    parser::types::Field, value,
};

use crate::{
    app,
    problem::{Code, FieldError, Problem},
};

/// Error that the caller can fix by changing the input of a mutation.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct UserError {
    /// Machine-readable code of the error, such as `SCHEMA` or `NOT_FOUND`; more may be added.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
    /// Path to the input field that caused the error. Null if the error does not concern a single field.
    field: Option<Vec<String>>,
}

/// Builds the error for a caller who lacks a permission.
pub(super) fn forbidden(message: &str) -> Error {
    with_code(Code::Forbidden, message)
}

/// Builds the error for a caller whose token names no tenant.
pub(super) fn tenant_required() -> Error {
    with_code(Code::TenantRequired, Code::TenantRequired.title())
}

/// Builds the error for an argument that is not valid.
pub(super) fn invalid_parameter(message: &str) -> Error {
    with_code(Code::InvalidParameter, message)
}

/// Builds the error for a cursor that is none of its list.
pub(super) fn invalid_cursor() -> Error {
    with_code(Code::InvalidCursor, Code::InvalidCursor.title())
}

/// Builds the error for a caller who is no administrator of the platform.
pub(super) fn platform_required() -> Error {
    with_code(Code::Forbidden, Code::Forbidden.title())
}

/// Builds the error for an answer that is too large.
pub(super) fn response_too_large(limit: usize) -> Error {
    with_code(
        Code::ResponseTooLarge,
        &format!("the answer has more than {limit} bytes: select fewer objects or fields"),
    )
}

/// Gives an error the place of the field that is being resolved.
pub(super) fn at_field(error: Error, path_node: &QueryPathNode<'_>, field: &Field) -> ServerError {
    let mut error = error.into_server_error(field.name.pos);
    error.path = path(path_node);
    error
}

fn path(path_node: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let segments = path_node.to_string_vec().into_iter();
    segments
        .map(|segment| match segment.parse() {
            Ok(index) => PathSegment::Index(index),
            Err(_) => PathSegment::Field(segment),
        })
        .collect()
}

/// Converts the error of a use case into the error of a field.
pub(super) fn from_app(error: app::Error) -> Error {
    let problem = Problem::from(error);
    let error = with_code(problem.code, problem.message());
    if problem.errors.is_empty() {
        return error;
    }
    let errors: Vec<Value> =
        problem.errors.into_iter().map(|error| UserError::from(error).to_value()).collect();
    error.extend_with(|_, extensions| extensions.set("errors", errors))
}

/// Converts the error of a loader, which several fields share.
pub(super) fn from_loader(error: Arc<app::Error>) -> Error {
    match Arc::try_unwrap(error) {
        Ok(error) => from_app(error),
        // Another field holds the same error. Each reports what the caller can change.
        Err(error) => match &*error {
            app::Error::ResponseTooLarge { .. } => with_code(Code::ResponseTooLarge, &error.to_string()),
            _ => with_code(Code::Unavailable, Code::Unavailable.title()),
        },
    }
}

/// Converts the error of a mutation into user errors.
///
/// # Errors
/// Returns the error of the field if the server, and not the caller, has to fix the cause.
pub(super) fn user_errors(error: app::Error) -> Result<Vec<UserError>, Error> {
    let problem = Problem::from(error);
    if problem.status().is_server_error() {
        return Err(with_code(problem.code, problem.message()));
    }
    app::audit::record_refusal(problem.code.as_str());
    Ok(errors_of_problem(problem))
}

/// Returns the errors that a problem consists of.
pub(super) fn errors_of_problem(problem: Problem) -> Vec<UserError> {
    if problem.errors.is_empty() {
        let (code, message) = (upper(problem.code.as_str()), problem.message().to_owned());
        return vec![UserError { code, message, field: None }];
    }
    problem.errors.into_iter().map(UserError::from).collect()
}

impl UserError {
    /// Returns the error as it is written among the extensions of the error of a field.
    fn to_value(&self) -> Value {
        let Self { code, message, field } = self;
        value!({"code": code, "message": message, "field": field})
    }
}

impl From<FieldError> for UserError {
    fn from(error: FieldError) -> Self {
        let field = || error.pointer.split('/').skip(1).map(str::to_owned).collect();
        let field = (!error.pointer.is_empty()).then(field);
        Self { code: upper(&error.code), message: error.message, field }
    }
}

fn with_code(code: Code, message: &str) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", upper(code.as_str())))
}

fn upper(code: &str) -> String {
    code.to_ascii_uppercase()
}
