//! Reads the schema from the catalog of Postgres.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::{Column, Reference, Table};
use crate::db::Urls;

/// The schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or refuses the login.
    #[error("failed to connect to the database")]
    Connect(#[source] sqlx::Error),
    /// The catalog cannot be read.
    #[error("failed to read the schema")]
    Read(#[from] sqlx::Error),
}

/// Returns the tables ordered by name, with their columns in order.
pub(super) async fn tables(urls: &Urls) -> Result<Vec<Table>, Error> {
    let mut connection = urls.connect_owner().await.map_err(Error::Connect)?;
    let mut tables = BTreeMap::<String, Vec<Column>>::new();
    let keys = foreign_keys(&mut connection).await?;
    let rows = sqlx::query!(
        r#"select c.relname::text as "table_name!", a.attname::text as "name!",
                  format_type(a.atttypid, a.atttypmod) as "type_name!", a.attnotnull as "required!",
                  exists (
                    select from pg_constraint k
                    where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any (k.conkey)
                  ) as "primary!",
                  col_description(c.oid, a.attnum) as comment
           from pg_attribute a join pg_class c on c.oid = a.attrelid
           where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
             and not a.attisdropped and c.relname <> '_sqlx_migrations'
           order by c.relname, a.attnum"#
    )
    .fetch_all(&mut connection)
    .await?;
    for row in rows {
        let key = keys.get(&(row.table_name.clone(), row.name.clone())).cloned();
        let column = Column {
            reference: key.or_else(|| row.comment.as_deref().and_then(declared_reference)),
            name: row.name,
            type_name: short_type_name(&row.type_name),
            required: row.required,
            primary: row.primary,
        };
        tables.entry(row.table_name).or_default().push(column);
    }
    Ok(tables.into_iter().map(|(name, columns)| Table { name, columns }).collect())
}

async fn foreign_keys(connection: &mut PgConnection) -> Result<BTreeMap<(String, String), Reference>, Error> {
    let rows = sqlx::query!(
        r#"select k.conrelid::regclass::text as "from_table!", f.attname::text as "from_column!",
                  k.confrelid::regclass::text as "to_table!", t.attname::text as "to_column!"
           from pg_constraint k
           cross join lateral unnest(k.conkey, k.confkey) as pair (from_number, to_number)
           join pg_attribute f on f.attrelid = k.conrelid and f.attnum = pair.from_number
           join pg_attribute t on t.attrelid = k.confrelid and t.attnum = pair.to_number
           where k.contype = 'f' and k.connamespace = 'public'::regnamespace"#
    )
    .fetch_all(connection)
    .await?;
    let reference = |table, column| Reference { table, column, enforced: true };
    Ok(rows
        .into_iter()
        .map(|row| ((row.from_table, row.from_column), reference(row.to_table, row.to_column)))
        .collect())
}

/// Parses a reference that is declared by a comment: `-> table.column`.
fn declared_reference(comment: &str) -> Option<Reference> {
    let (table, column) = comment.strip_prefix("-> ")?.split_once('.')?;
    Some(Reference { table: table.to_owned(), column: column.to_owned(), enforced: false })
}

fn short_type_name(type_name: &str) -> String {
    type_name.replace("timestamp with time zone", "timestamptz")
}
