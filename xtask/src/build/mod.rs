//! Builds of the programs and images that run in the cluster, and of the cluster itself.

pub(crate) mod fingerprint;
pub(crate) mod go;
pub(crate) mod images;
pub(crate) mod rust;
