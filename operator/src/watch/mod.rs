//! What the operator watches: one watch a kind, shared by all controllers.

mod drift;
pub(crate) mod kicks;
mod map;
mod reflect;
mod start;
mod stores;

pub(crate) use reflect::Change;
pub(crate) use start::start;
pub(crate) use stores::{Stores, Writers};
