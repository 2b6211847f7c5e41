//! The entity-relationship diagram of the migrated schema, as SVG: the same schema gives the same bytes.

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

/// What a column's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    table: String,
    column: String,
    /// Whether Postgres enforces it.
    enforced: bool,
}

/// Reads the schema of the database and draws it.
///
/// # Errors
/// The database cannot be reached.
pub async fn svg(urls: &Urls) -> Result<String, Error> {
    let tables = read::tables(urls).await?;
    Ok(render::svg(&layout::arrange(tables)))
}
