//! Tests with a real Argo CD, which installs both charts, plans, tenants and workflows from Git repositories.
//!
//! The cluster is a control plane without nodes: the operator is a process of the tests, which also play the kubelet and the
//! runner. All tests share one Argo CD; each has a Git repository and Applications of its own.

mod application;
mod archive;
mod argocd;
mod bootstrap;
mod children;
mod flux;
mod guide;
mod health;
mod kubelet;
mod manifests;
mod objects;
mod platform;
mod pruning;
mod repository;
mod rest_api;
mod rest_changes;
mod runs;
mod second_sync;
mod self_heal;
mod suspension;
mod tenancy;
mod upgrade;

use std::time::Duration;

/// Deadline of a wait: ten times the slowest one on two busy cores, a synchronisation in three waves.
const DEADLINE: Duration = Duration::from_secs(150);
