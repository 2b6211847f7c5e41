//! Watch of the runs that are assigned to this pod.

mod assignments;
mod event;
mod watch;

pub(crate) use assignments::Assignments;
pub(crate) use event::AssignmentEvent;
pub(crate) use watch::watch;
