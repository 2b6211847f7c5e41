//! Watches of the API server: one per kind, shared by all controllers.

mod drift;
mod map;
mod reflect;
mod relevance;
mod requeue;
mod roll_out;
mod start;
mod stores;
mod unparsable_objects;

pub(crate) use requeue::{ReconcileRequest, ReconcileRequests, Released, RequestQueues};
pub(crate) use roll_out::roll_out;
pub(crate) use start::{ChildrenListed, Receivers, start};
pub(crate) use stores::{Stores, Writers};
