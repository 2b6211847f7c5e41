//! Reads the values of the workflow's secrets.

use std::{collections::BTreeMap, io, path::Path};

use crds::workflow::WorkflowSecret;
use tokio::fs;

/// Values by the secret's name in expressions, and by key. What is no UTF-8 is left out: no template could use it.
pub(crate) type Secrets = BTreeMap<String, BTreeMap<String, String>>;

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("failed to find Secret {secret} (secrets.{name}): it was there when the workflow was checked")]
    Missing { name: String, secret: String },
    #[error("failed to read Secret {secret} (secrets.{name})")]
    Read {
        name: String,
        secret: String,
        #[source]
        source: io::Error,
    },
}

/// Reads those that are declared, and no others, from `<directory>/<name>/<key>`.
///
/// # Errors
/// One has no directory: it was removed since the workflow was checked.
pub(crate) async fn load(directory: &Path, declared: &[WorkflowSecret]) -> Result<Secrets, SecretError> {
    let mut secrets = Secrets::new();
    for WorkflowSecret { name, secret_ref } in declared {
        let values = read(&directory.join(name)).await.map_err(|source| {
            let (name, secret) = (name.clone(), secret_ref.name.clone());
            match source.kind() {
                io::ErrorKind::NotFound => SecretError::Missing { name, secret },
                _ => SecretError::Read { name, secret, source },
            }
        })?;
        secrets.insert(name.clone(), values);
    }
    Ok(secrets)
}

async fn read(directory: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut entries = fs::read_dir(directory).await?;
    while let Some(entry) = entries.next_entry().await? {
        let Ok(key) = entry.file_name().into_string() else { continue };
        // A mounted Secret has its keys as links, and its versions as directories that begin with two dots.
        if key.starts_with("..") || fs::metadata(entry.path()).await?.is_dir() {
            continue;
        }
        if let Ok(value) = String::from_utf8(fs::read(entry.path()).await?) {
            values.insert(key, value);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use crds::workflow::SecretRef;

    use super::*;

    fn declared(name: &str) -> WorkflowSecret {
        WorkflowSecret { name: name.into(), secret_ref: SecretRef { name: format!("{name}-credentials") } }
    }

    /// A step gets a secret that its workflow does not name, or none, or the kubelet's own files.
    #[tokio::test]
    async fn what_is_declared_is_read_key_by_key() {
        let directory = std::env::temp_dir().join(format!("smb-secrets-{}", telemetry::ids::uuid_v7()));
        for (path, value) in [("erp/..data/token", "t0ken"), ("other/token", "x"), ("erp/user", "grün")] {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        }
        std::os::unix::fs::symlink("..data/token", directory.join("erp/token")).unwrap();
        std::fs::write(directory.join("erp/binary"), [0xff]).unwrap();

        let secrets = load(&directory, &[declared("erp")]).await.unwrap();
        let expected: Secrets =
            serde_json::from_str(r#"{"erp": {"token": "t0ken", "user": "grün"}}"#).unwrap();
        assert_eq!(secrets, expected);
        let missing = load(&directory, &[declared("crm")]).await.unwrap_err().to_string();
        assert!(missing.contains("crm-credentials") && missing.contains("secrets.crm"), "{missing}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
