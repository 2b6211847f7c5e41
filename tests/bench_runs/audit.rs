//! Counts of writes by client, from the audit log of the API server.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
};

use anyhow::Context as _;
use serde_json::Value;

/// Numbers of requests by user agent, verb and resource.
pub(super) type Writes = BTreeMap<(String, String), usize>;

/// Returns the size of the log in bytes, which is the position of the next entry.
pub(super) fn size(path: &str) -> anyhow::Result<u64> {
    Ok(std::fs::metadata(path).with_context(|| format!("failed to get the size of {path}"))?.len())
}

/// Returns the writes to a namespace that were logged from this position on.
pub(super) fn writes(path: &str, from: u64, namespace: &str) -> anyhow::Result<Writes> {
    let mut file = File::open(path).with_context(|| format!("failed to open {path}"))?;
    file.seek(SeekFrom::Start(from))?;
    let mut writes = Writes::new();
    for line in BufReader::new(file).lines() {
        // The last line may be incomplete.
        let Ok(entry) = serde_json::from_str::<Value>(&line?) else { continue };
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let is_write = matches!(text("/verb"), "create" | "update" | "patch" | "delete" | "deletecollection");
        // Dry runs are not counted: the operator uses them to check whether the quota has room for a pod.
        if text("/requestURI").contains("dryRun=All") {
            continue;
        }
        if !is_write || text("/stage") != "ResponseComplete" || text("/objectRef/namespace") != namespace {
            continue;
        }
        let agent = text("/userAgent").split([' ', '/']).next().unwrap_or_default().to_owned();
        let user = text("/user/username").rsplit(':').next().unwrap_or_default();
        let resource = match text("/objectRef/subresource") {
            "" => text("/objectRef/resource").to_owned(),
            subresource => format!("{}/{subresource}", text("/objectRef/resource")),
        };
        let who = format!("{user} ({agent})");
        *writes.entry((who, format!("{} {resource}", text("/verb")))).or_default() += 1;
    }
    Ok(writes)
}
