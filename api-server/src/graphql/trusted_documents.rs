//! Trusted documents: if any are configured, only these are executed. Clients name one by its SHA-256, or send its exact text.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{TooLarge, check_document};

/// Maximum size of all documents. A ConfigMap has at most 1 MiB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Prefix of an identifier that is the SHA-256 of a document, as in the draft of the GraphQL over HTTP specification.
const PREFIX: &str = "sha256:";

/// Documents by the SHA-256 of their text, in lower-case hex digits.
#[derive(Clone, Debug, Default)]
pub struct TrustedDocuments(HashMap<String, Arc<str>>);

/// The trusted documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("failed to read the trusted documents in {path}")]
    Read {
        /// Path of the file or folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The files are too large.
    #[error("failed to read the trusted documents in {path}: they have more than {MAX_BYTES} bytes")]
    TooLong {
        /// Path of the folder.
        path: PathBuf,
    },
    /// A manifest is no JSON object of texts.
    #[error("failed to parse {path}: a manifest is a JSON object with documents by their identifiers")]
    Manifest {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// An identifier in a manifest is not that of its document.
    #[error("failed to accept the identifier {id} in {path}: the SHA-256 of the document is {sha256}")]
    Identifier {
        /// Path of the file.
        path: PathBuf,
        /// Identifier in the manifest.
        id: String,
        /// SHA-256 of the document.
        sha256: String,
    },
    /// A document exceeds a limit of all documents.
    #[error("failed to accept the document {sha256} in {path}")]
    Limit {
        /// Path of the file.
        path: PathBuf,
        /// SHA-256 of the document.
        sha256: String,
        /// Cause.
        source: TooLarge,
    },
    /// A document does not parse.
    #[error("failed to parse the document {sha256} in {path}")]
    Parse {
        /// Path of the file.
        path: PathBuf,
        /// SHA-256 of the document.
        sha256: String,
        /// Cause.
        source: async_graphql::parser::Error,
    },
    /// There are no documents, so that every request would be refused.
    #[error("failed to find a trusted document in {path}: files end with .graphql, .gql or .json")]
    Empty {
        /// Path of the folder.
        path: PathBuf,
    },
}

/// A request has no document that may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No trusted document has the identifier, or the text.
    #[error("failed to find the document among the trusted documents")]
    NotFound,
    /// The request names a document by something else than a SHA-256.
    #[error("failed to read documentId: expected sha256: and 64 hex digits")]
    Identifier,
    /// The request has neither an identifier nor a text.
    #[error("failed to find documentId or query in the request")]
    Missing,
}

impl TrustedDocuments {
    /// Loads the documents in a file or a folder. A file `*.graphql` or `*.gql` is one document; a file `*.json` is a manifest,
    /// as code generators write it: an object with documents by their SHA-256.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or parsed, if an identifier is not that of its document, or if there are none.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut documents = Self::default();
        let mut bytes = 0_u64;
        for file in files(path)? {
            let read = |source| Error::Read { path: file.clone(), source };
            bytes = bytes.saturating_add(fs::metadata(&file).map_err(read)?.len());
            if bytes > MAX_BYTES {
                return Err(Error::TooLong { path: path.to_owned() });
            }
            documents.add_file(&file, &fs::read_to_string(&file).map_err(read)?)?;
        }
        if documents.0.is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(documents) }
    }

    /// Returns the number of documents.
    #[must_use]
    pub fn number(&self) -> usize {
        self.0.len()
    }

    /// Returns the document that a request names by its identifier, or sends as text, or both.
    ///
    /// # Errors
    /// Returns an error if the request has neither, or if the document is not trusted.
    pub(crate) fn select(&self, id: Option<&str>, text: Option<&str>) -> Result<Arc<str>, Refused> {
        let named = id.map(|id| id.strip_prefix(PREFIX).ok_or(Refused::Identifier)).transpose()?;
        let sent = text.map(sha256);
        let key = match (named, sent) {
            (Some(named), Some(sent)) if !named.eq_ignore_ascii_case(&sent) => return Err(Refused::NotFound),
            (_, Some(sent)) => sent,
            (Some(named), None) => named.to_ascii_lowercase(),
            (None, None) => return Err(Refused::Missing),
        };
        self.0.get(&key).cloned().ok_or(Refused::NotFound)
    }

    fn add_file(&mut self, path: &Path, content: &str) -> Result<(), Error> {
        if path.extension().is_none_or(|extension| extension != "json") {
            return self.add(path, content).map(drop);
        }
        let manifest: HashMap<String, String> = serde_json::from_str(content)
            .map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
        for (id, document) in manifest {
            let sha256 = self.add(path, &document)?;
            if !id.strip_prefix(PREFIX).unwrap_or(&id).eq_ignore_ascii_case(&sha256) {
                return Err(Error::Identifier { path: path.to_owned(), id, sha256 });
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, document: &str) -> Result<String, Error> {
        let (sha256, path) = (sha256(document), path.to_owned());
        if let Err(source) = check_document(document) {
            return Err(Error::Limit { path, sha256, source });
        }
        if let Err(source) = async_graphql::parser::parse_query(document) {
            return Err(Error::Parse { path, sha256, source });
        }
        self.0.insert(sha256.clone(), Arc::from(document));
        Ok(sha256)
    }
}

/// Returns the files with documents. Names that begin with a dot are skipped: Kubernetes keeps the versions of a ConfigMap in them.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(read)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    let mut files: Vec<_> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| is_document(path)).collect();
    files.sort();
    Ok(files)
}

fn is_document(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    !is_hidden && ["graphql", "gql", "json"].contains(&extension)
}

/// Returns the SHA-256 of a text in lower-case hex digits.
pub(crate) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: &str = "{ viewer { email } }";

    fn folder(files: &[(&str, &str)]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("smb-documents-{}", telemetry::ids::uuid_v7()));
        fs::create_dir(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        folder
    }

    fn load(files: &[(&str, &str)]) -> Result<TrustedDocuments, String> {
        let folder = folder(files);
        let loaded = TrustedDocuments::load(&folder).map_err(|error| error.to_string());
        fs::remove_dir_all(folder).unwrap();
        loaded
    }

    /// Files with one document and manifests with several are read; others, and the versions of a ConfigMap, are not.
    #[test]
    fn files_and_manifests_are_read() {
        let manifest = serde_json::json!({sha256("{ tenant { slug } }"): "{ tenant { slug } }"}).to_string();
        let documents = load(&[
            ("viewer.graphql", VIEWER),
            ("manifest.json", &manifest),
            ("notes.txt", "not a document"),
            ("..data.graphql", "{"),
        ]);
        assert_eq!(documents.map(|documents| documents.number()), Ok(2));
    }

    /// A request names a document by its SHA-256 or sends its exact text, and every other document is refused.
    #[test]
    fn only_trusted_documents_are_selected() {
        let documents = load(&[("viewer.gql", VIEWER)]).unwrap();
        let id = format!("sha256:{}", sha256(VIEWER));
        assert_eq!(documents.select(Some(&id), None).as_deref(), Ok(VIEWER));
        assert_eq!(
            documents.select(Some(&id.to_uppercase().replace("SHA", "sha")), None).as_deref(),
            Ok(VIEWER)
        );
        assert_eq!(documents.select(None, Some(VIEWER)).as_deref(), Ok(VIEWER));
        assert_eq!(documents.select(Some(&id), Some("{ tenant { slug } }")), Err(Refused::NotFound));
        assert_eq!(documents.select(None, Some("{ tenant { slug } }")), Err(Refused::NotFound));
        assert_eq!(documents.select(Some("sha256:00"), None), Err(Refused::NotFound));
        assert_eq!(documents.select(Some("viewer"), None), Err(Refused::Identifier));
        assert_eq!(documents.select(None, None), Err(Refused::Missing));
    }

    /// The process does not start with documents that clients could never use.
    #[test]
    fn unusable_documents_are_reported() {
        let (deep, wrong) = ("{a".repeat(100), r#"{"00": "{ viewer { email } }"}"#);
        for (files, message) in [
            (&[("a.graphql", "{")][..], "failed to parse the document"),
            (&[("a.json", "[]")][..], "a manifest is a JSON object"),
            (&[("a.json", wrong)][..], "failed to accept the identifier 00"),
            (&[("a.txt", VIEWER)][..], "failed to find a trusted document"),
            (&[("a.graphql", deep.as_str())][..], "failed to accept the document"),
        ] {
            let error = load(files).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(TrustedDocuments::load(Path::new("/does/not/exist")).is_err());
    }
}
