//! Objects as files below a directory.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use axum::body::Bytes;
use futures::{StreamExt as _, stream};
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::{Error, Reading};

/// What is read at once.
const PIECE: usize = 64 * 1024;

/// A directory that all replicas share, or that belongs to the only one.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Writes to a file beside it, waits for the disk, and renames: a crash leaves no half of an object.
    pub(super) async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.root.join(name);
        let beside = path.with_extension(telemetry::ids::uuid_v7().to_string());
        let written = write(&path, &beside, bytes).await;
        if written.is_err() {
            // The error that counts is the first.
            let _ = fs::remove_file(&beside).await;
        }
        written.map_err(|source| error("write", name, source))
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Reading>, Error> {
        let failed = |source| error("read", name, source);
        let file = match fs::File::open(self.root.join(name)).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let bytes = file.metadata().await.map_err(failed)?.len();
        Ok(Some(Reading { bytes, stream: pieces(file, name.to_owned()) }))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        match fs::remove_file(self.root.join(name)).await {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(error("delete", name, source)),
            _ => Ok(()),
        }
    }
}

async fn write(path: &Path, beside: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await?;
    }
    let mut file = fs::File::create(beside).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    fs::rename(beside, path).await
}

fn pieces(file: fs::File, name: String) -> stream::BoxStream<'static, Result<Bytes, Error>> {
    let next = |(mut file, name): (fs::File, String)| async move {
        let mut piece = Vec::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some((Bytes::from(piece), (file, name)))),
            Err(source) => Err(error("read", &name, source)),
        }
    };
    stream::try_unfold((file, name), next).boxed()
}

fn error(action: &'static str, name: &str, source: std::io::Error) -> Error {
    Error::Io { action, name: name.to_owned(), source }
}
