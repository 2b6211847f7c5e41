//! Where objects are, as it is configured.

use std::{path::PathBuf, str::FromStr};

use url::Url;

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Below this directory.
    Directory(PathBuf),
    /// In a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What the names of objects begin with: empty, or ends with `/`.
        prefix: String,
    },
}

/// Why a URL says no location.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("failed to parse the URL of the object storage")]
    Parse(#[from] url::ParseError),
    /// It is another kind of URL.
    #[error("failed to use {0} as object storage: write file:///directory or s3://bucket/prefix")]
    Kind(String),
}

impl FromStr for Location {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url: Url = text.parse()?;
        let other = || UrlError::Kind(text.to_owned());
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Directory).map_err(|()| other()),
            "s3" => {
                let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or_else(other)?;
                let path = url.path().trim_matches('/');
                let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix })
            }
            _ => Err(other()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects land in another place than the one that was configured.
    #[test]
    fn both_kinds_of_url_say_where() {
        let bucket =
            |prefix: &str| Location::Bucket { bucket: "copilot".to_owned(), prefix: prefix.to_owned() };
        assert_eq!(
            "file:///var/lib/objects".parse::<Location>().unwrap(),
            Location::Directory("/var/lib/objects".into())
        );
        assert_eq!("s3://copilot".parse::<Location>().unwrap(), bucket(""));
        assert_eq!("s3://copilot/eu/one/".parse::<Location>().unwrap(), bucket("eu/one/"));
        for wrong in ["/var/lib", "gs://copilot", "s3:///x"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}
