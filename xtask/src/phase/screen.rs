//! The terminal: a spinner where there is one, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Mark, say};

/// How phases are shown.
pub(super) enum Screen {
    Spinner(Option<ProgressBar>),
    Plain(Heartbeat),
    Verbose,
}

/// Tells a reader of plain lines now and then that a long phase is alive.
#[derive(Default)]
pub(super) struct Heartbeat {
    phase: String,
    begun: Option<Instant>,
    last: Option<Instant>,
}

const HEARTBEAT: Duration = Duration::from_secs(30);
/// Names are padded to this, so that the times stand below each other.
const NAME_WIDTH: usize = 34;
/// What fits beside the name of a phase in 80 columns or a little more.
const PROGRESS_WIDTH: usize = 60;

impl Screen {
    pub(super) fn new(verbose: bool) -> Self {
        match (verbose, std::io::stdout().is_terminal()) {
            (true, _) => Screen::Verbose,
            (false, true) => Screen::Spinner(None),
            (false, false) => Screen::Plain(Heartbeat::default()),
        }
    }

    pub(super) fn begin(&mut self, name: &str) {
        match self {
            Screen::Spinner(bar) => *bar = Some(spinner(name)),
            Screen::Plain(heartbeat) => {
                *heartbeat = Heartbeat { phase: name.to_owned(), begun: Some(Instant::now()), last: None };
            }
            Screen::Verbose => say(&format!("==> {name}\n")),
        }
    }

    pub(super) fn progress(&mut self, text: &str) {
        match self {
            Screen::Spinner(Some(bar)) => bar.set_message(short(text)),
            Screen::Spinner(None) => {}
            Screen::Plain(heartbeat) => heartbeat.beat(text),
            Screen::Verbose => say(&format!("{text}\n")),
        }
    }

    pub(super) fn end(&mut self, mark: Mark, name: &str, elapsed: Duration, outcome: &str) {
        let sign = match mark {
            Mark::Good => "✓",
            Mark::Bad => "✗",
        };
        if let Screen::Spinner(bar) = self
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
        say(&row(sign, name, elapsed, outcome));
    }
}

impl Heartbeat {
    fn beat(&mut self, text: &str) {
        let now = Instant::now();
        let since = self.last.or(self.begun).map(|last| now.duration_since(last));
        if let Some(begun) = self.begun
            && since.is_some_and(|since| since >= HEARTBEAT)
        {
            self.last = Some(now);
            say(&row("…", &self.phase, now.duration_since(begun), &short(text)));
        }
    }
}

fn row(mark: &str, name: &str, elapsed: Duration, outcome: &str) -> String {
    format!("{mark} {name:<NAME_WIDTH$} {:>7.1} s  {outcome}\n", elapsed.as_secs_f64())
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(PROGRESS_WIDTH).collect()
}

fn spinner(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>8}  {wide_msg:.dim}")
        .expect("the template is constant and well formed");
    let bar = ProgressBar::new_spinner().with_style(style).with_prefix(format!("{name:<NAME_WIDTH$}"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
