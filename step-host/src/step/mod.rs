//! A running step: its process, its channel, its output and its outcome.

mod budget;
mod disk;
mod files;
mod message;
mod outcome;
mod prepare;
mod running_step;

pub(crate) use outcome::ExitStatus;
pub(crate) use running_step::{Source, Step};
