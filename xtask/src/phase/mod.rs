//! What a person sees of a long command: a line a phase, and on failure what is needed to mend it.

mod failure;
mod log;
mod screen;

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::program::{Line, Program};
use failure::Failed;
use log::Log;
use screen::Screen;

/// The phases of one command.
pub(crate) struct Phases {
    screen: Screen,
    log: Log,
}

/// One phase, while it runs.
pub(crate) struct Phase<'a> {
    screen: &'a mut Screen,
    log: &'a mut Log,
    outcome: String,
    mark: Mark,
    advice: String,
}

/// The sign before a phase's line.
#[derive(Clone, Copy)]
enum Mark {
    Good,
    Bad,
}

impl Phases {
    /// All output goes into the log file; with `verbose` also to the terminal.
    pub(crate) fn new(log: &Path, verbose: bool) -> anyhow::Result<Self> {
        Ok(Self { screen: Screen::new(verbose), log: Log::create(log)? })
    }

    /// Runs one phase. Errors: what went wrong, in which phase, its last lines, where the log is, and what to try.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Phase<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.log.begin(name);
        self.screen.begin(name);
        let started = Instant::now();
        let mut phase = Phase {
            screen: &mut self.screen,
            log: &mut self.log,
            outcome: "done".to_owned(),
            mark: Mark::Good,
            advice: "run it again with --verbose to see all output".to_owned(),
        };
        let result = work(&mut phase);
        let Phase { outcome, mark, advice, screen: _, log: _ } = phase;
        match result {
            Ok(value) => {
                self.screen.end(mark, name, started.elapsed(), &outcome);
                Ok(value)
            }
            Err(source) => {
                self.log.line(&format!("failed: {source:#}"));
                self.screen.end(Mark::Bad, name, started.elapsed(), "failed");
                Err(Failed::new(name, &source, &self.log, advice).into())
            }
        }
    }
}

impl Phase<'_> {
    /// Runs a program; its output goes to the log.
    pub(crate) fn exec(&mut self, program: Program) -> anyhow::Result<()> {
        self.log.line(&format!("$ {}", program.line()));
        program.run(&mut |line| self.line(line.text()))
    }

    /// Runs a program and gives its standard output; standard error goes to the log.
    pub(crate) fn capture(&mut self, program: Program) -> anyhow::Result<String> {
        self.log.line(&format!("$ {}", program.line()));
        let mut output = String::new();
        program.run(&mut |line| match line {
            Line::Out(text) => {
                output.push_str(&text);
                output.push('\n');
            }
            Line::Err(text) => self.line(&text),
        })?;
        Ok(output)
    }

    /// A line for the log, and for the terminal as what goes on now.
    pub(crate) fn line(&mut self, text: &str) {
        self.log.line(text);
        self.screen.progress(text);
    }

    /// What the phase's line says in the end, instead of `done`.
    pub(crate) fn outcome(&mut self, outcome: impl Into<String>) {
        self.outcome = outcome.into();
    }

    /// The same for a phase that has done its work and brings bad news.
    pub(crate) fn outcome_failed(&mut self, outcome: impl Into<String>) {
        self.outcome(outcome);
        self.mark = Mark::Bad;
    }

    /// What to try, should the phase fail from here on.
    pub(crate) fn advice(&mut self, advice: impl Into<String>) {
        self.advice = advice.into();
    }
}

/// Writes to standard output, which is this program's product. A closed pipe is the reader's decision.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

/// Writes to standard error.
pub(crate) fn say_error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
