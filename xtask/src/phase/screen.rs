//! The terminal: one line per phase. Lines of running phases are rewritten in place where there is a terminal.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Mark, print, row};
use crate::wait;

/// How phases are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// The running phases stay below the finished ones and are rewritten in place.
    Terminal,
    /// A phase that takes long prints a line now and then.
    Plain,
    /// All output of all programs is printed.
    Verbose,
}

/// The phases that run, shared by the threads that they run on.
pub(super) struct Screen {
    state: Arc<Mutex<State>>,
}

struct State {
    style: Style,
    running: Vec<Running>,
    /// Number of lines of running phases on the terminal, which the next drawing replaces.
    drawn: usize,
}

struct Running {
    name: String,
    begun: Instant,
    /// The last line of output.
    progress: String,
    /// When a line was printed last, for [`Style::Plain`].
    printed: Instant,
}

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
/// How often elapsed times are redrawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);
/// What fits beside the name of a phase in 80 columns or a little more.
const PROGRESS_WIDTH: usize = 60;
/// The same where a line must not wrap, or the next drawing would leave a part of it.
const TERMINAL_PROGRESS_WIDTH: usize = 32;

impl Screen {
    pub(super) fn new(verbose: bool) -> Self {
        let style = match (verbose, std::io::stdout().is_terminal()) {
            (true, _) => Style::Verbose,
            (false, true) => Style::Terminal,
            (false, false) => Style::Plain,
        };
        let state = Arc::new(Mutex::new(State { style, running: Vec::new(), drawn: 0 }));
        if style == Style::Terminal {
            let state = Arc::downgrade(&state);
            std::thread::spawn(move || redraw(&state));
        }
        Self { state }
    }

    pub(super) fn begin(&self, name: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.style == Style::Verbose {
            print(&format!("==> {name}\n"));
        }
        let running = Running { name: name.to_owned(), begun: now, progress: String::new(), printed: now };
        state.running.push(running);
        state.draw("");
    }

    pub(super) fn progress(&self, name: &str, text: &str) {
        let mut state = self.lock();
        if state.style == Style::Verbose {
            print(&match state.running.len() {
                0 | 1 => format!("{text}\n"),
                _ => format!("{name} | {text}\n"),
            });
            return;
        }
        let is_plain = state.style == Style::Plain;
        if let Some(running) = state.running.iter_mut().find(|running| running.name == name) {
            running.progress = printable(text);
            if is_plain && running.printed.elapsed() >= HEARTBEAT_INTERVAL {
                running.printed = Instant::now();
                print(&running.row(PROGRESS_WIDTH));
            }
        }
    }

    pub(super) fn end(&self, mark: Mark, name: &str, elapsed: Duration, outcome: &str) {
        let sign = match mark {
            Mark::Good => "✓",
            Mark::Bad => "✗",
        };
        let mut state = self.lock();
        state.running.retain(|running| running.name != name);
        state.draw(&row(sign, name, elapsed, outcome));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Prints `above`, and below it the lines of the running phases in place of those drawn before.
    fn draw(&mut self, above: &str) {
        if self.style != Style::Terminal {
            print(above);
            return;
        }
        let erase = match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        let running: String =
            self.running.iter().map(|running| running.row(TERMINAL_PROGRESS_WIDTH)).collect();
        print(&format!("{erase}{above}{running}"));
        self.drawn = self.running.len();
    }
}

impl Running {
    fn row(&self, width: usize) -> String {
        let progress: String = self.progress.chars().take(width).collect();
        row("…", &self.name, self.begun.elapsed(), &progress)
    }
}

/// Redraws the running phases until the screen is dropped.
fn redraw(state: &Weak<Mutex<State>>) {
    while let Some(state) = state.upgrade() {
        let mut state = lock(&state);
        if !state.running.is_empty() {
            state.draw("");
        }
        drop(state);
        wait::pause(REDRAW_INTERVAL);
    }
}

/// What a thread that panicked has left is still fit to be shown.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn printable(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).collect()
}
