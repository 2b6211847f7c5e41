//! Tests against a real etcd, Kubernetes API server and controller manager.

mod api;
mod crds;
mod fences;
mod operator;
