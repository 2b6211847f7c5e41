//! Reads the values of the workflow's secrets from the mounted files.

use std::{collections::BTreeMap, io, path::Path};

use crds::workflow::WorkflowSecret;
use tokio::fs;

/// Values by name of the secret in expressions and by key. Values that are not UTF-8 are omitted, since no template
/// could use them.
pub(crate) type Secrets = BTreeMap<String, BTreeMap<String, String>>;

/// Failure to read a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("Secret {secret} (secrets.{name}) does not exist; it existed when the workflow was validated")]
    Missing { name: String, secret: String },
    #[error("failed to read Secret {secret} (secrets.{name})")]
    Read {
        name: String,
        secret: String,
        #[source]
        source: io::Error,
    },
}

/// Reads the declared secrets, and no others, from `<directory>/<name>/<key>`.
///
/// # Errors
/// Returns an error if a secret has no directory, because it was deleted since the workflow was validated, or if a
/// file cannot be read.
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

/// Reads the values of one secret by key.
async fn read(directory: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut entries = fs::read_dir(directory).await?;
    while let Some(entry) = entries.next_entry().await? {
        let Ok(key) = entry.file_name().into_string() else { continue };
        // In a mounted Secret, keys are symbolic links into directories whose names begin with two dots.
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

    /// Exactly the declared secrets are read, without the kubelet's own files, and a missing one is named.
    #[tokio::test]
    async fn declared_secrets_are_read_by_key() {
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
