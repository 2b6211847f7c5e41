//! How a step ended, from all that is known of it.

use nix::sys::signal::Signal;
use protocol::host::Outcome;

/// How the kernel says that a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Signaled(Signal),
}

/// What speaks for a kill by the kernel for want of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The kernel has killed in this container since the step began, and nobody asked for the step's end.
    RanOut,
    Sufficed,
}

/// The step's own account comes first: it gives it as the last thing it does. Else the status tells.
pub(crate) fn decide(report: Option<Outcome>, status: Option<Status>, memory: Memory) -> Outcome {
    match (report, status) {
        (Some(report), _) => report,
        (None, Some(Status::Exited(code))) => Outcome::Exit { code },
        (None, Some(Status::Signaled(Signal::SIGKILL))) if memory == Memory::RanOut => Outcome::OomKilled,
        (None, Some(Status::Signaled(signal))) => Outcome::Signal { number: number(signal) },
        (None, None) => {
            Outcome::NotStarted { message: "the interpreter ended before the step began".to_owned() }
        }
    }
}

#[expect(clippy::as_conversions, reason = "the enum's discriminants are the signals' numbers")]
const fn number(signal: Signal) -> i32 {
    signal as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that was killed on request is blamed for its use of memory, or the other way round.
    #[test]
    fn a_kill_is_told_from_want_of_memory() {
        let killed = Some(Status::Signaled(Signal::SIGKILL));
        assert_eq!(decide(None, killed, Memory::Sufficed), Outcome::Signal { number: 9 });
        assert_eq!(decide(None, killed, Memory::RanOut), Outcome::OomKilled);
        let crashed = Some(Status::Signaled(Signal::SIGSEGV));
        assert_eq!(decide(None, crashed, Memory::RanOut), Outcome::Signal { number: 11 });
    }

    /// A step that returned, and whose process was killed while it left, is run again.
    #[test]
    fn a_report_beats_the_status() {
        let report = Outcome::Ok { value: 1.into() };
        let killed = Some(Status::Signaled(Signal::SIGTERM));
        assert_eq!(decide(Some(report.clone()), killed, Memory::Sufficed), report);
    }
}
