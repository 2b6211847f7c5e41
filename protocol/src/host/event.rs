//! Events that a host sends to the runner.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::StepId;

/// Event of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The interpreter is ready. A `Start` that was sent before is executed now.
    Ready,
    /// The step's process exists.
    Started {
        /// ID of the step.
        id: StepId,
    },
    /// The step has written a line.
    Output {
        /// ID of the step.
        id: StepId,
        /// Stream to which it was written.
        stream: Stream,
        /// Text of the line without its line break. Invalid UTF-8 is replaced by U+FFFD.
        line: String,
        /// The line is longer than an event may be, and continues in the next event of this stream.
        partial: bool,
    },
    /// The step has reported its progress.
    Progress {
        /// ID of the step.
        id: StepId,
        /// Completed fraction, from 0 to 1.
        fraction: f64,
        /// Message for users; may be empty.
        message: String,
    },
    /// The step's process has ended, and all processes that it started were killed.
    Exited {
        /// ID of the step.
        id: StepId,
        /// Outcome of the step.
        outcome: Outcome,
    },
    /// No process of any step exists any more, in response to `KillAll`.
    Killed,
    /// Nothing that the steps of earlier runs have left exists any more, in response to `Clear`.
    Cleared,
}

/// Output stream of a step's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, `print` and `ctx.log`.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Outcome of a step's process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The step returned a value.
    Ok {
        /// Output of the step.
        value: Value,
    },
    /// The Python code raised an exception.
    Exception {
        /// Class of the exception, with its module unless that is `builtins`.
        r#type: String,
        /// Text of the exception, shortened to about 2,000 characters; the step's log has the full text.
        message: String,
        /// Traceback from the step's own code on. A long one is shortened to its last 4,000 characters.
        traceback: String,
    },
    /// The process exited by itself without a value.
    Exit {
        /// Exit code.
        code: i32,
        /// Whether the kernel has killed a process in the container because of the memory limit while the step ran.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        out_of_memory: bool,
    },
    /// The process was terminated by a signal.
    Signal {
        /// Number of the signal.
        number: i32,
    },
    /// The kernel killed the process, or one that it waited for, because the memory limit was exceeded.
    OomKilled,
    /// The step returned a value that is not JSON or is too large.
    BadOutput {
        /// Description of the problem.
        message: String,
    },
    /// The step had more processes at the same time than the host allows.
    TooManyProcesses {
        /// Number of processes and limit.
        message: String,
    },
    /// The step failed while its files filled the space for them.
    DiskFull {
        /// Size of the space, and how the step failed.
        message: String,
    },
    /// The command of a container step cannot be executed, for example because it does not exist.
    NoCommand {
        /// Command and reason.
        message: String,
    },
    /// The host executes no steps, since its image has a volume that they could write to.
    VolumeWritable {
        /// Path, and what to do.
        message: String,
    },
    /// The input is larger than a frame allows.
    InputTooLarge {
        /// Size and limit.
        message: String,
    },
    /// The step did not start, for a reason outside of the step.
    NotStarted {
        /// Reason.
        message: String,
    },
}
