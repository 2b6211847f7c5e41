//! Stored outputs in an export: copies beside the rows that name them.

use serde_json::Value;

use crate::{
    objects::{Objects, OutputName},
    tenant_end::Error,
};

/// Copies the output that a row stands for into the folder of an export. Returns the line of the row, whose `file` is null if the
/// output does not exist any more.
pub(super) async fn copy(objects: &Objects, folder: &str, row: &str) -> Result<String, Error> {
    let mut row: Value = serde_json::from_str(row)?;
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let name = text("uri").and_then(|uri| OutputName::from_uri(uri).ok());
    let copied = match (name, text("file")) {
        (Some(name), Some(file)) => objects.copy(&name.to_string(), &format!("{folder}{file}")).await?,
        _ => false,
    };
    if let Some(row) = row.as_object_mut().filter(|_| !copied) {
        row.insert("file".to_owned(), Value::Null);
    }
    Ok(row.to_string())
}
