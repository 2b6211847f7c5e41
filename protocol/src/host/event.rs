use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::StepId;

/// What a host tells the runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The interpreter is warm. A `Start` sent earlier is not lost: it waits for this.
    Ready,
    /// The step's process exists.
    Started {
        /// The step.
        id: StepId,
    },
    /// A line that the step wrote.
    Output {
        /// The step.
        id: StepId,
        /// Where it wrote it.
        stream: Stream,
        /// The text without its line break. Bytes that are no UTF-8 are replaced by U+FFFD.
        line: String,
        /// The line was longer than one event may be, and goes on in the next one of this stream.
        partial: bool,
    },
    /// How far the step says it is.
    Progress {
        /// The step.
        id: StepId,
        /// From 0 to 1.
        fraction: f64,
        /// For people; may be empty.
        message: String,
    },
    /// The step's process is gone, and so is all that it left behind.
    Exited {
        /// The step.
        id: StepId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// A stream of a step's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, `print` and `ctx.log`.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step's process ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// It returned a value.
    Ok {
        /// The step's output.
        value: Value,
    },
    /// It raised an exception.
    Exception {
        /// The exception's class, with its module unless that is `builtins`.
        r#type: String,
        /// The exception's text, shortened to about 2,000 characters; the step's log has all of it.
        message: String,
        /// The part of the traceback that lies in the step's own code and below; of a long one the last 4,000
        /// characters or so.
        traceback: String,
    },
    /// It left by itself without having returned.
    Exit {
        /// The exit code.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// The signal's number.
        number: i32,
    },
    /// The kernel killed it for want of memory.
    OomKilled,
    /// It returned what is no JSON value, or too large a one.
    BadOutput {
        /// What is wrong with it.
        message: String,
    },
    /// It had more processes at once than a host allows.
    TooManyProcesses {
        /// How many the host counted, of how many.
        message: String,
    },
    /// Its program cannot be executed: it is not there, or no program.
    NoCommand {
        /// Which, and why not.
        message: String,
    },
    /// Its input is larger than a host takes.
    InputTooLarge {
        /// Both numbers.
        message: String,
    },
    /// It did not start, for a reason that lies outside it.
    NotStarted {
        /// The reason.
        message: String,
    },
}
