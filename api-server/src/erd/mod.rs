//! Entity-relationship diagram of the migrated schema as SVG. The same schema always gives the same bytes.

mod layout;
mod read;
mod render;

use crate::db::Urls;

pub use read::Error;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    type_name: String,
    required: bool,
    primary: bool,
    reference: Option<Reference>,
}

/// Table and column that the values of a column refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    table: String,
    column: String,
    /// Whether it is a foreign key, rather than a reference declared by a comment.
    enforced: bool,
}

/// Reads the schema of the database and returns the diagram as SVG.
///
/// # Errors
/// Returns an error if the database cannot be reached or its catalog cannot be read.
pub async fn svg(urls: &Urls) -> Result<String, Error> {
    let tables = read::tables(urls).await?;
    Ok(render::svg(&layout::arrange(tables)))
}
