//! Determination of a step's outcome.

use nix::sys::signal::Signal;
use protocol::host::Outcome;

/// Exit status of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    Exited(i32),
    Signaled(Signal),
}

/// Evidence for a kill by the kernel because of the memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemoryLimit {
    /// The kernel has killed a process in this container since the step started, and nothing else has killed the step.
    Exceeded,
    NotExceeded,
}

/// Exit code of a shell whose last command was ended by SIGKILL.
const KILLED_CODE: i32 = 128 + 9;

/// Returns the outcome of a step. The process sends its report as its last action, so that it takes precedence over the
/// exit status.
pub(super) fn determine(report: Option<Outcome>, status: Option<ExitStatus>, memory: MemoryLimit) -> Outcome {
    match (report, status) {
        (Some(report), _) => report,
        (None, Some(ExitStatus::Exited(KILLED_CODE) | ExitStatus::Signaled(Signal::SIGKILL)))
            if memory == MemoryLimit::Exceeded =>
        {
            Outcome::OomKilled
        }
        (None, Some(ExitStatus::Exited(code))) => {
            Outcome::Exit { code, out_of_memory: memory == MemoryLimit::Exceeded }
        }
        (None, Some(ExitStatus::Signaled(signal))) => Outcome::Signal { number: signal_number(signal) },
        (None, None) => {
            Outcome::NotStarted { message: "the interpreter ended before the step started".to_owned() }
        }
    }
}

#[expect(clippy::as_conversions, reason = "the enum's discriminants are the signals' numbers")]
const fn signal_number(signal: Signal) -> i32 {
    signal as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kill by the kernel because of memory is distinguished from a requested kill and from a crash.
    #[test]
    fn a_requested_kill_differs_from_an_out_of_memory_kill() {
        let killed = Some(ExitStatus::Signaled(Signal::SIGKILL));
        assert_eq!(determine(None, killed, MemoryLimit::NotExceeded), Outcome::Signal { number: 9 });
        assert_eq!(determine(None, killed, MemoryLimit::Exceeded), Outcome::OomKilled);
        // The kernel has killed a child of the shell.
        let shell = |code| Some(ExitStatus::Exited(code));
        assert_eq!(determine(None, shell(137), MemoryLimit::Exceeded), Outcome::OomKilled);
        assert_eq!(
            determine(None, shell(137), MemoryLimit::NotExceeded),
            Outcome::Exit { code: 137, out_of_memory: false }
        );
        assert_eq!(
            determine(None, shell(2), MemoryLimit::Exceeded),
            Outcome::Exit { code: 2, out_of_memory: true }
        );
        let crashed = Some(ExitStatus::Signaled(Signal::SIGSEGV));
        assert_eq!(determine(None, crashed, MemoryLimit::Exceeded), Outcome::Signal { number: 11 });
    }

    /// A step whose process is killed after it has sent its report keeps that outcome.
    #[test]
    fn a_report_takes_precedence_over_the_exit_status() {
        let report = Outcome::Ok { value: 1.into() };
        let killed = Some(ExitStatus::Signaled(Signal::SIGTERM));
        assert_eq!(determine(Some(report.clone()), killed, MemoryLimit::NotExceeded), report);
    }
}
