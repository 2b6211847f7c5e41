//! Documents of a tenant, as an application uploads and reads them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::{api::ApiClient, wait};

/// Deadline of a wait: ten times the time in which a small document is read.
const DEADLINE: Duration = Duration::from_secs(60);
const TEXT: &str = "# Holidays\n\nEmployees have 28 days of holiday.\n";

/// Creates a document with a content, and waits until it has been read.
async fn upload(api: &ApiClient, file_name: &str, content: &'static [u8]) -> anyhow::Result<Value> {
    let created = api.post("/v1/documents", &[], &json!({"fileName": file_name, "tags": ["test"]})).await?;
    ensure!(created.status == 201, "{created:#?}");
    let id = created.body.get("id").and_then(Value::as_str).context("no id")?;
    let path = format!("/v1/documents/{id}");
    let stored = api.upload(&format!("{path}/content"), "application/octet-stream", content).await?;
    ensure!(stored.status == 200, "{stored:#?}");
    let observe = async || Ok(api.get(&path).await?.body);
    let is_done = |document: &Value| ["READY", "FAILED"].iter().any(|status| document["status"] == **status);
    wait::until(&format!("{file_name} has been read"), DEADLINE, observe, is_done).await
}

/// A document is read by a worker in the cluster, and each of its chunks is a part of its text. One that cannot be read fails with a
/// code, and a deleted one is gone with its content.
#[tokio::test]
async fn a_document_is_uploaded_read_and_deleted() -> anyhow::Result<()> {
    let (api, globex) = (ApiClient::admin()?, ApiClient::globex_admin()?);
    let document = upload(&api, "handbook.md", TEXT.as_bytes()).await?;
    assert_eq!(
        (&document["status"], &document["mimeType"]),
        (&json!("READY"), &json!("text/markdown")),
        "{document}"
    );
    let path = format!("/v1/documents/{}", document["id"].as_str().context("no id")?);
    let chunks = api.get(&format!("{path}/chunks")).await?.list();
    let letters: Vec<char> = TEXT.chars().collect();
    for chunk in &chunks {
        let position = |field: &str| usize::try_from(chunk[field].as_u64().unwrap_or_default());
        let text: String =
            letters.get(position("start")?..position("end")?).context("no text")?.iter().collect();
        assert_eq!(chunk["text"], text);
    }
    assert!(chunks.iter().any(|chunk| chunk["headings"] == json!(["Holidays"])), "{chunks:#?}");
    let broken = upload(&api, "broken.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog").await?;
    assert_eq!(broken["error"]["code"], "CORRUPT", "{broken}");

    for path in [path.clone(), format!("{path}/content"), format!("{path}/chunks")] {
        assert_eq!(globex.get(&path).await?.status, 404, "{path}");
    }
    assert_eq!(globex.delete(&path).await?.status, 404);
    assert_eq!(api.delete(&path).await?.status, 202);
    let broken = format!("/v1/documents/{}", broken["id"].as_str().context("no id")?);
    assert_eq!(api.delete(&broken).await?.status, 202);
    let observe = async || Ok((api.get(&path).await?.status, api.get(&broken).await?.status));
    wait::until("both documents are deleted", DEADLINE, observe, |found| *found == (404, 404)).await?;
    Ok(())
}
