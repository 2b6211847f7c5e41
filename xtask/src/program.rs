//! Running other programs with a time limit, line by line.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// A line of a program's output.
pub(crate) enum OutputLine {
    /// A line of standard output.
    Out(String),
    /// A line of standard error.
    Err(String),
}

impl OutputLine {
    /// Returns the text of the line.
    pub(crate) fn text(&self) -> &str {
        match self {
            OutputLine::Out(text) | OutputLine::Err(text) => text,
        }
    }
}

/// Returns a word quoted for a shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A program with its arguments and options, ready to run.
pub(crate) struct Program {
    command: Command,
    name: String,
    input: Vec<u8>,
    limit: Duration,
    cancelled: Arc<AtomicBool>,
}

/// A clean build takes minutes; no program that xtask runs takes longer than this.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Interval of checks for the deadline, for a cancellation, and for a program that ended while its output is open.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Number of lines that are read ahead of the log.
const MAX_BUFFERED_LINES: usize = 1024;
/// Number of lines of a captured program's output that an error shows.
const TAIL_LINES: usize = 20;

impl Program {
    /// Creates a program; its name is looked up in `PATH`.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        let short = Path::new(name).file_name().unwrap_or(name).to_string_lossy().into_owned();
        Self {
            command: Command::new(name),
            name: short,
            input: Vec::new(),
            limit: DEFAULT_TIMEOUT,
            cancelled: Arc::default(),
        }
    }

    /// Creates a program that runs as root, through sudo unless this process is root already.
    pub(crate) fn as_root(name: impl AsRef<OsStr>) -> Self {
        if nix::unistd::geteuid().is_root() { Self::new(name) } else { Self::new("sudo").arg(name) }
    }

    /// Creates the same with a lower priority, for what runs beside something more urgent.
    pub(crate) fn with_low_priority(name: &str) -> Self {
        let mut program = Self::new("nice").args(["-n", "5", name]);
        program.name = name.to_owned();
        program
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Appends arguments to the command line.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets its standard input, which is empty by default.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets the time after which the program is killed.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Kills the program once `cancelled` is set.
    pub(crate) fn cancelled_by(mut self, cancelled: Arc<AtomicBool>) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Runs the program as another user, which only root may do.
    pub(crate) fn user(mut self, uid: u32, gid: u32) -> Self {
        use std::os::unix::process::CommandExt;
        self.command.uid(uid).gid(gid);
        self
    }

    /// Returns the command line, for the log.
    pub(crate) fn command_line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// Runs the program to its end and passes each line of its output to `sink`.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started, takes too long, is cancelled or fails.
    pub(crate) fn run(mut self, sink: &mut dyn FnMut(OutputLine)) -> anyhow::Result<()> {
        let mut child = self.spawn()?;
        let (lines, readers) = read_output(&mut child)?;
        let input = feed(&mut child, std::mem::take(&mut self.input));
        let end = self.follow(&mut child, &lines, sink);
        if end.is_err() {
            // This fails if the child has ended by itself; the error above is the one to report.
            let _ = child.kill();
        }
        let status = child.wait().with_context(|| format!("failed to wait for {}", self.name))?;
        end?;
        drop(lines);
        drop((readers, input)); // they end with the pipes, which a child of the child may hold open
        if !status.success() {
            bail!("{} failed: {status}", self.name);
        }
        Ok(())
    }

    /// Runs the program and returns its standard output.
    ///
    /// # Errors
    /// Returns the same errors as [`Program::run`], with the last lines of output.
    pub(crate) fn capture(self) -> anyhow::Result<String> {
        let (mut output, mut tail) = (String::new(), VecDeque::new());
        let result = self.run(&mut |line| {
            tail.push_back(line.text().to_owned());
            tail.drain(..tail.len().saturating_sub(TAIL_LINES));
            if let OutputLine::Out(text) = line {
                output.push_str(&text);
                output.push('\n');
            }
        });
        result.map_err(|error| match tail.is_empty() {
            true => error,
            false => error.context(Vec::from(tail).join("\n")),
        })?;
        Ok(output)
    }

    fn spawn(&mut self) -> anyhow::Result<Child> {
        let input = if self.input.is_empty() { Stdio::null() } else { Stdio::piped() };
        self.command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start {}", self.name))
    }

    fn follow(
        &self,
        child: &mut Child,
        lines: &Receiver<OutputLine>,
        sink: &mut dyn FnMut(OutputLine),
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.limit;
        loop {
            match lines.recv_timeout(CHECK_INTERVAL) {
                Ok(line) => sink(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                // The program has ended; its output is held open by a daemon that it started.
                Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.cancelled.load(Ordering::Relaxed) {
                bail!("{} was cancelled", self.name);
            }
            if Instant::now() >= deadline {
                bail!("{} took longer than {} s", self.name, self.limit.as_secs());
            }
        }
    }
}

fn read_output(child: &mut Child) -> anyhow::Result<(Receiver<OutputLine>, [JoinHandle<()>; 2])> {
    let out = child.stdout.take().context("failed to take the standard output")?;
    let err = child.stderr.take().context("failed to take the standard error")?;
    let (sender, lines) = sync_channel(MAX_BUFFERED_LINES);
    let readers = [read(out, sender.clone(), OutputLine::Out), read(err, sender, OutputLine::Err)];
    Ok((lines, readers))
}

fn read(
    pipe: impl Read + Send + 'static,
    sender: SyncSender<OutputLine>,
    kind: fn(String) -> OutputLine,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).split(b'\n');
        for line in lines.map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(kind(text)).is_err() {
                return;
            }
        }
    })
}

/// Writes the input from a thread, because a child may write output before it has read all input.
fn feed(child: &mut Child, input: Vec<u8>) -> Option<JoinHandle<()>> {
    let mut pipe = child.stdin.take()?;
    // A child that does not read all of it reports the reason by its status.
    Some(std::thread::spawn(move || drop(pipe.write_all(&input))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    /// The error of a failed program shows its output and its status.
    #[test]
    fn an_error_shows_the_output_of_the_program() {
        let error = shell("echo because >&2; exit 3").capture().unwrap_err();
        assert!(format!("{error:#}").contains("because"));
        assert!(format!("{error:#}").contains("exit status: 3"));
    }

    /// A program that hangs is killed after its time limit.
    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let error = shell("exec sleep 60").limit(Duration::from_millis(100)).capture().unwrap_err();
        assert!(error.to_string().contains("took longer"));
    }

    /// A program is done when it has ended, even if a daemon that it started holds its output open.
    #[test]
    fn a_daemon_that_holds_the_output_open_is_not_waited_for() {
        assert_eq!(shell("sleep 20 & echo up").capture().unwrap(), "up\n");
    }

    /// Input that is larger than a pipe's buffer reaches the program completely.
    #[test]
    fn a_large_input_reaches_the_program() {
        let input = vec![b'a'; 1 << 20];
        assert_eq!(shell("wc -c").input(input).capture().unwrap().trim(), "1048576");
    }
}
