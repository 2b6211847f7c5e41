//! The GraphQL schema: the same use cases as REST, as one graph. `http::graphql` serves it over HTTP.

#[cfg(test)]
mod breaking;
mod connection;
mod document_limits;
mod document_work;
mod entity_cost;
mod error;
mod filters;
mod global_id;
mod guard;
mod loaders;
mod lookup;
mod mutation;
mod objects;
mod operations;
mod orders;
mod query;
mod request;
mod response_size;
mod scalars;
mod total;
mod trusted_documents;

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions};

use crate::auth::Operations;

pub(crate) use document_limits::{TooLarge, check_document};
pub(crate) use document_work::{ContentRepeats, VariableSizes, check_work};
pub(crate) use request::{EXECUTION_TIMEOUT, with_caller};
pub(crate) use trusted_documents::Refused;
#[cfg(test)]
pub(crate) use trusted_documents::sha256;
pub use trusted_documents::{Error as TrustedDocumentsError, TrustedDocuments};

/// Maximum depth of a document: workflow → runs → edges → node → steps → error, and some more.
const MAX_DEPTH: usize = 12;
/// Maximum cost of a document. A field costs 1, a connection as much as all nodes that it may return.
const MAX_COMPLEXITY: usize = 2_000;
const MAX_DIRECTIVES: usize = 8;
/// Maximum nesting of selections while a document is parsed, which bounds the parser's stack.
const MAX_RECURSION: usize = 32;

/// Executable schema.
pub(crate) type Schema = async_graphql::Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// Builds the schema, whose fields are guarded by the rules of `operations.yaml`.
///
/// # Errors
/// Returns an error if the rules lack an operation of the schema or name one that does not exist.
pub(crate) fn schema(rules: &Arc<Operations>) -> anyhow::Result<Schema> {
    let schema = builder()
        .extension(guard::PermissionGuard(rules.clone()))
        .extension(entity_cost::EntityCost)
        .extension(response_size::ResponseSizeLimit)
        .data(rules.clone())
        .finish();
    rules.check_graphql(&operations::names(&schema.sdl())?)?;
    Ok(schema)
}

/// Returns the schema definition, as it is committed.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(sorted())
}

/// Returns the schema definition of the subgraph of a federated graph (Apollo Federation 2), as it is committed: with the keys of
/// the entities, and the types and fields that other subgraphs may define, too.
#[must_use]
pub fn subgraph_sdl() -> String {
    builder().finish().sdl_with_options(sorted().federation())
}

fn sorted() -> SDLExportOptions {
    SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items()
}

fn builder() -> async_graphql::SchemaBuilder<query::Query, mutation::Mutation, EmptySubscription> {
    Schema::build(query::Query::default(), mutation::Mutation::default(), EmptySubscription)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_directives(MAX_DIRECTIVES)
        .limit_recursive_depth(MAX_RECURSION)
        .disable_suggestions()
}
