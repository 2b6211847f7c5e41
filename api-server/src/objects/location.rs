//! The configured location of the object storage, as a URL.

use std::{path::PathBuf, str::FromStr};

use url::Url;

/// Location of the object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A directory.
    Directory(PathBuf),
    /// A bucket of an S3-compatible server.
    Bucket {
        /// Name of the bucket.
        bucket: String,
        /// Prefix of all object names: empty, or ends with `/`.
        prefix: String,
    },
}

/// A URL is not a location of an object storage.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// The text is not a URL.
    #[error("failed to parse the URL of the object storage")]
    Parse(#[from] url::ParseError),
    /// The scheme or form of the URL is not supported.
    #[error("failed to use {0} as object storage: the URL must be file:///directory or s3://bucket/prefix")]
    Unsupported(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let url: Url = text.parse()?;
        let other = || LocationError::Unsupported(text.to_owned());
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

    /// Objects are stored at the location that was configured.
    #[test]
    fn file_and_s3_urls_give_their_location() {
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
