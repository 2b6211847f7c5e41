//! Building all that runs in or as the cluster.

pub(crate) mod fingerprint;
pub(crate) mod go;
pub(crate) mod images;
pub(crate) mod rust;
