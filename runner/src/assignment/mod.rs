//! Watch of the runs that are assigned to this pod.

mod event;
mod watch;

pub(crate) use event::AssignmentEvent;
pub(crate) use watch::watch;
