//! Scenarios against a real etcd, API server and controller manager.

mod api;
mod crds;
mod fences;
mod operator;
