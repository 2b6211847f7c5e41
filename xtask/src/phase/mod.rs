//! What a long command prints: one line per phase, and on failure what is needed to fix it. Phases may run at the
//! same time.

mod failure;
mod log;
mod screen;

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::program::{OutputLine, Program};
use failure::{Cancelled, Failed};
use log::Log;
use screen::Screen;

/// The phases of one command.
pub(crate) struct Phases {
    screen: Screen,
    log: Log,
    /// Set when a phase has failed, so that those beside it stop.
    cancelled: Arc<AtomicBool>,
}

/// One phase, while it runs.
pub(crate) struct Phase<'a> {
    phases: &'a Phases,
    name: String,
    outcome: String,
    mark: Mark,
    advice: String,
    tail: VecDeque<String>,
}

/// The sign before a phase's line.
#[derive(Clone, Copy)]
enum Mark {
    Good,
    Bad,
}

/// Number of lines of output that a failure shows.
const TAIL_LINES: usize = 20;

impl Phases {
    /// Creates the log file, which gets all output. With `verbose` the terminal gets all output, too.
    ///
    /// # Errors
    /// Returns an error if the log file cannot be created.
    pub(crate) fn new(log: &Path, verbose: bool) -> anyhow::Result<Self> {
        Ok(Self { screen: Screen::new(verbose), log: Log::create(log)?, cancelled: Arc::default() })
    }

    /// Runs one phase and prints its line.
    ///
    /// # Errors
    /// Returns the phase's error with the name of the phase, its last lines of output, the path of the log and advice.
    pub(crate) fn run<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Phase<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Cancelled.into());
        }
        self.log.begin(name);
        self.screen.begin(name);
        let started = Instant::now();
        let mut phase = Phase {
            phases: self,
            name: name.to_owned(),
            outcome: "done".to_owned(),
            mark: Mark::Good,
            advice: "run it again with --verbose to see all output".to_owned(),
            tail: VecDeque::new(),
        };
        let result = work(&mut phase);
        let Phase { outcome, mark, advice, tail, phases: _, name: _ } = phase;
        match result {
            Ok(value) => {
                self.screen.end(mark, name, started.elapsed(), &outcome);
                Ok(value)
            }
            Err(source) if source.is::<Cancelled>() => {
                self.screen.end(Mark::Bad, name, started.elapsed(), "cancelled");
                Err(source)
            }
            Err(source) => {
                self.log.write_line(name, &format!("failed: {source:#}"));
                self.screen.end(Mark::Bad, name, started.elapsed(), "failed");
                Err(Failed::new(name, &source, tail, self.log.path(), advice).into())
            }
        }
    }

    /// Runs two sequences of phases at the same time; one after the other on a machine with little memory. When one
    /// fails, the other is cancelled.
    ///
    /// # Errors
    /// Returns the error of the one that failed first.
    pub(crate) fn together<A: Send, B: Send>(
        &self,
        first: impl FnOnce() -> anyhow::Result<A> + Send,
        second: impl FnOnce() -> anyhow::Result<B> + Send,
    ) -> anyhow::Result<(A, B)> {
        if available_memory().is_some_and(|bytes| bytes < MIN_MEMORY_TOGETHER) {
            return Ok((first()?, second()?));
        }
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| self.cancel_others_on_error(second()));
            let first = self.cancel_others_on_error(first());
            (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        match (first, second) {
            (Ok(first), Ok(second)) => Ok((first, second)),
            (Err(error), Err(other)) if error.is::<Cancelled>() => Err(other),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    fn cancel_others_on_error<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        if result.is_err() {
            self.cancelled.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Linking Kubernetes takes 3 GB, and compiling and linking our own programs up to 3 GB.
const MIN_MEMORY_TOGETHER: u64 = 8 << 30;

/// Returns the memory that programs can get without swapping, in bytes; `None` where the kernel does not say.
fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

impl Phase<'_> {
    /// Runs a program; its output goes to the log.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started, takes too long or fails, and when the phase is cancelled.
    pub(crate) fn exec(&mut self, program: Program) -> anyhow::Result<()> {
        self.run(program, &mut |phase, line| phase.log_line(line.text()))
    }

    /// Runs a program and returns its standard output; standard error goes to the log.
    ///
    /// # Errors
    /// Returns the same errors as [`Phase::exec`].
    pub(crate) fn capture(&mut self, program: Program) -> anyhow::Result<String> {
        let mut output = String::new();
        self.run(program, &mut |phase, line| match line {
            OutputLine::Out(text) => {
                output.push_str(&text);
                output.push('\n');
            }
            OutputLine::Err(text) => phase.log_line(&text),
        })?;
        Ok(output)
    }

    /// Runs a program and passes each line of its output to `sink`.
    ///
    /// # Errors
    /// Returns the same errors as [`Phase::exec`].
    pub(crate) fn run(
        &mut self,
        program: Program,
        sink: &mut dyn FnMut(&mut Self, OutputLine),
    ) -> anyhow::Result<()> {
        self.phases.log.write_line(&self.name, &format!("$ {}", program.command_line()));
        let cancelled = Arc::clone(&self.phases.cancelled);
        let result = program.cancelled_by(Arc::clone(&cancelled)).run(&mut |line| sink(self, line));
        match result {
            Err(_) if cancelled.load(Ordering::Relaxed) => Err(Cancelled.into()),
            result => result,
        }
    }

    /// Writes a line to the log, and shows it as the phase's progress.
    pub(crate) fn log_line(&mut self, text: &str) {
        self.tail.push_back(text.to_owned());
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_LINES));
        self.phases.log.write_line(&self.name, text);
        self.phases.screen.progress(&self.name, text);
    }

    /// Sets what the phase's line says at the end, instead of `done`.
    pub(crate) fn outcome(&mut self, outcome: impl Into<String>) {
        self.outcome = outcome.into();
    }

    /// Sets the outcome of a phase that ran to its end and reports failures.
    pub(crate) fn outcome_failed(&mut self, outcome: impl Into<String>) {
        self.outcome(outcome);
        self.mark = Mark::Bad;
    }

    /// Sets the command that is printed as advice if the phase fails later.
    pub(crate) fn advice(&mut self, advice: impl Into<String>) {
        self.advice = advice.into();
    }
}

/// Writes to standard output, which is this program's product. A closed pipe is the reader's decision.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

/// Writes to standard error.
pub(crate) fn print_error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Returns the line of a phase.
fn row(mark: &str, name: &str, elapsed: Duration, text: &str) -> String {
    format!("{mark} {name:<NAME_WIDTH$} {:>7.1} s  {text}\n", elapsed.as_secs_f64())
}

/// Names are padded to this, so that the times stand below each other.
const NAME_WIDTH: usize = 34;

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(name: &str) -> Phases {
        let path = std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()));
        let phases = Phases::new(&path, false).unwrap();
        std::fs::remove_file(path).unwrap();
        phases
    }

    /// A phase that fails ends those beside it at once, and its error is the one that is reported.
    #[test]
    fn a_failure_cancels_the_phases_beside_it() {
        let phases = phases("together");
        let sleep = || phases.run("sleep", |phase| phase.exec(Program::new("sleep").arg("60")));
        let fail = || phases.run("fail", |phase| phase.exec(Program::new("false")));
        let started = Instant::now();
        let error = phases.together(sleep, fail).unwrap_err();
        assert!(error.to_string().contains("fail failed"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
