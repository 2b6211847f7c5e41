//! Stored outputs and contents of documents in an export: copies beside the rows that name them.

use serde_json::Value;

use crate::{
    objects::{Objects, OutputName},
    tenant_end::Error,
};

/// Copies the output that a row stands for into the folder of an export. Returns the line of the row, whose `file` is null if the
/// output does not exist any more.
pub(super) async fn copy_output(objects: &Objects, folder: &str, row: &str) -> Result<String, Error> {
    let row: Value = serde_json::from_str(row)?;
    let name = row.get("uri").and_then(Value::as_str).and_then(|uri| OutputName::from_uri(uri).ok());
    copy(objects, folder, name.map(|name| name.to_string()), row).await
}

/// Copies the content of the document that a row stands for, as [`copy_output`] does. The row names the object, which the line does not.
pub(super) async fn copy_content(objects: &Objects, folder: &str, row: &str) -> Result<String, Error> {
    let mut row: Value = serde_json::from_str(row)?;
    let object = row.as_object_mut().and_then(|row| row.remove("object"));
    copy(objects, folder, object.as_ref().and_then(Value::as_str).map(str::to_owned), row).await
}

async fn copy(
    objects: &Objects,
    folder: &str,
    object: Option<String>,
    mut row: Value,
) -> Result<String, Error> {
    let copied = match (object, row.get("file").and_then(Value::as_str)) {
        (Some(object), Some(file)) => objects.copy(&object, &format!("{folder}{file}")).await?,
        _ => false,
    };
    if let Some(row) = row.as_object_mut().filter(|_| !copied) {
        row.insert("file".to_owned(), Value::Null);
    }
    Ok(row.to_string())
}
