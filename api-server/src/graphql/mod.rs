//! GraphQL: the same use cases as REST, in one graph. How it is served over HTTP is `http`'s matter.

mod connection;
mod error;
mod gate;
mod global_id;
mod limits;
mod loaders;
mod mutation;
mod objects;
mod query;
mod request;
mod scalars;
mod surface;

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions};

use crate::auth::Operations;

pub(crate) use limits::{TooLarge, check};
pub(crate) use request::request;

/// Deep enough for workflow → runs → edges → node → steps → error with some room, and no deeper.
const MAX_DEPTH: usize = 12;
/// A field costs 1, and a connection as much as all the nodes that it may return.
const MAX_COMPLEXITY: usize = 2_000;
const MAX_DIRECTIVES: usize = 8;
/// Nesting of selections, before anything else is looked at: bounds the parser's stack.
const MAX_RECURSION: usize = 32;

/// The schema, ready to execute.
pub(crate) type Schema = async_graphql::Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// The schema, guarded by the rules of `operations.yaml`.
///
/// # Errors
/// The table lacks a field of the schema, or names one that does not exist.
pub(crate) fn schema(operations: &Arc<Operations>) -> anyhow::Result<Schema> {
    let schema = builder().extension(gate::Gate(operations.clone())).data(operations.clone()).finish();
    operations.check_graphql(&surface::operations(&schema.sdl())?)?;
    Ok(schema)
}

/// The schema definition, as it is committed.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
    builder().finish().sdl_with_options(options)
}

fn builder() -> async_graphql::SchemaBuilder<query::Query, mutation::Mutation, EmptySubscription> {
    Schema::build(query::Query, mutation::Mutation, EmptySubscription)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_directives(MAX_DIRECTIVES)
        .limit_recursive_depth(MAX_RECURSION)
        .disable_suggestions()
}
