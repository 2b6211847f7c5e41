//! Running other programs: bounded in time, every line of output accounted for.

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
pub(crate) enum Line {
    /// From standard output.
    Out(String),
    /// From standard error.
    Err(String),
}

impl Line {
    /// The text, wherever it came from.
    pub(crate) fn text(&self) -> &str {
        match self {
            Line::Out(text) | Line::Err(text) => text,
        }
    }
}

/// A program that is about to run.
pub(crate) struct Program {
    command: Command,
    name: String,
    input: Vec<u8>,
    limit: Duration,
    cancelled: Arc<AtomicBool>,
}

/// A clean build takes minutes; no program of ours takes longer than this.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often the deadline, and an end without the end of the output, is looked for.
const TICK: Duration = Duration::from_millis(500);
/// A reader that is further ahead than this waits for the one who writes the log.
const LINES_IN_FLIGHT: usize = 1024;
/// What an error shows of a captured program's output.
const TAIL: usize = 20;

impl Program {
    /// The program's name is looked up in PATH.
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        let short = Path::new(name).file_name().unwrap_or(name).to_string_lossy().into_owned();
        Self {
            command: Command::new(name),
            name: short,
            input: Vec::new(),
            limit: DEFAULT_LIMIT,
            cancelled: Arc::default(),
        }
    }

    /// The same by way of sudo, unless we are root already.
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

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// What it reads from standard input; nothing by default.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// It is killed after this time.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Kills the program once `cancelled` is set.
    pub(crate) fn cancelled_by(mut self, cancelled: Arc<AtomicBool>) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Runs it as another user. Only root may.
    pub(crate) fn user(mut self, uid: u32, gid: u32) -> Self {
        use std::os::unix::process::CommandExt;
        self.command.uid(uid).gid(gid);
        self
    }

    /// The command line, for the log.
    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end and hands over each line. Errors: it cannot start, takes too long, or does not end in success.
    pub(crate) fn run(mut self, sink: &mut dyn FnMut(Line)) -> anyhow::Result<()> {
        let mut child = self.spawn()?;
        let (lines, readers) = read_output(&mut child)?;
        let input = feed(&mut child, std::mem::take(&mut self.input));
        let end = self.follow(&mut child, &lines, sink);
        if end.is_err() {
            // The error is what matters; a child that has ended by itself cannot be killed.
            let _ = child.kill();
        }
        let status = child.wait().with_context(|| format!("failed to wait for {}", self.name))?;
        end?;
        drop(lines);
        drop((readers, input)); // they end with the pipes, which a child of the child may keep open
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Runs it and gives what it wrote to standard output. Errors: those of `run`, with the last lines it wrote.
    pub(crate) fn capture(self) -> anyhow::Result<String> {
        let (mut output, mut tail) = (String::new(), VecDeque::new());
        let result = self.run(&mut |line| {
            tail.push_back(line.text().to_owned());
            tail.drain(..tail.len().saturating_sub(TAIL));
            if let Line::Out(text) = line {
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
        lines: &Receiver<Line>,
        sink: &mut dyn FnMut(Line),
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.limit;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => sink(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                // It is gone, and whoever still holds its output is a daemon that it left behind.
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

fn read_output(child: &mut Child) -> anyhow::Result<(Receiver<Line>, [JoinHandle<()>; 2])> {
    let out = child.stdout.take().context("failed to take the standard output")?;
    let err = child.stderr.take().context("failed to take the standard error")?;
    let (sender, lines) = sync_channel(LINES_IN_FLIGHT);
    let readers = [read(out, sender.clone(), Line::Out), read(err, sender, Line::Err)];
    Ok((lines, readers))
}

fn read(
    pipe: impl Read + Send + 'static,
    sender: SyncSender<Line>,
    kind: fn(String) -> Line,
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

/// Writes the input from a thread, since a child may write before it has read all.
fn feed(child: &mut Child, input: Vec<u8>) -> Option<JoinHandle<()>> {
    let mut pipe = child.stdin.take()?;
    // A child that does not read to the end says why by its status.
    Some(std::thread::spawn(move || drop(pipe.write_all(&input))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    /// A failure without the program's own words cannot be mended.
    #[test]
    fn an_error_shows_what_the_program_said() {
        let error = shell("echo because >&2; exit 3").capture().unwrap_err();
        assert!(format!("{error:#}").contains("because"));
        assert!(format!("{error:#}").contains("exit status: 3"));
    }

    /// A program that hangs would hang `up` for ever.
    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let error = shell("exec sleep 60").limit(Duration::from_millis(100)).capture().unwrap_err();
        assert!(error.to_string().contains("took longer"));
    }

    /// A daemon that keeps its parent's output open would hang `up` for ever.
    #[test]
    fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
        assert_eq!(shell("sleep 20 & echo up").capture().unwrap(), "up\n");
    }

    /// A manifest on standard input would be cut, or its writer would block for ever.
    #[test]
    fn a_large_input_reaches_the_program() {
        let input = vec![b'a'; 1 << 20];
        assert_eq!(shell("wc -c").input(input).capture().unwrap().trim(), "1048576");
    }
}
