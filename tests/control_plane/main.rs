//! Scenarios against a real etcd, API server and controller manager.

mod mirror;
