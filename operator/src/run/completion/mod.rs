//! Last stage of a run's life: the run is suspended or ended, its resources are released, and it is deleted after its
//! retention.

mod audit;
mod deleted_workflow;
mod end;
mod jobs;
mod release;
mod retire;
mod suspend;
mod sweep;

pub(super) use end::{end, request_cancel};
pub(crate) use release::release;
pub(super) use suspend::suspend;
pub(crate) use sweep::sweep;
