//! Watches of the API server: one per kind, shared by all controllers.

mod drift;
mod map;
mod reflect;
mod requeue;
mod start;
mod stores;
mod unparsable_objects;

pub(crate) use requeue::{ReconcileRequest, ReconcileRequests, Released, RequestQueues};
pub(crate) use start::start;
pub(crate) use stores::{Stores, Writers};
