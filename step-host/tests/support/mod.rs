//! Real step host with a real interpreter, and a connection to it in the role of the runner.

#![allow(dead_code, reason = "not every test file uses everything")]

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

use protocol::{
    frame::{Decoder, encode},
    host::{Action, Event, Meta, Outcome, Request, Secrets, Start, StepId},
};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

/// Running host. Dropping it kills the host and removes its directory.
pub(crate) struct TestHost {
    child: Child,
    dir: PathBuf,
    stream: UnixStream,
    decoder: Decoder,
    next_id: StepId,
    name: &'static str,
}

/// Everything that a step has reported from its start to its end.
#[derive(Debug, Default)]
pub(crate) struct StepRecord {
    pub(crate) lines: Vec<String>,
    pub(crate) progress: Vec<(f64, String)>,
    pub(crate) outcome: Option<Outcome>,
}

impl TestHost {
    /// Starts a host of Python steps. `name` must differ between tests, since it is part of the idempotency keys, by which
    /// the processes of a step are found.
    pub(crate) fn start(name: &'static str) -> Self {
        Self::with_flags(name, &[])
    }

    /// Starts a host with additional flags.
    pub(crate) fn with_flags(name: &'static str, flags: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-step-host-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("host.sock");
        let child = Command::new(env!("CARGO_BIN_EXE_step-host"))
            .args(["--socket", socket.to_str().unwrap(), "--work-dir", dir.to_str().unwrap()])
            .args(["--harness", concat!(env!("CARGO_MANIFEST_DIR"), "/python/harness.py")])
            .args(["--runner-uid", &nix::unistd::getuid().to_string()])
            .args(flags)
            .spawn()
            .unwrap();
        let stream = wait_for(|| UnixStream::connect(&socket).ok());
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { child, dir, stream, decoder: Decoder::default(), next_id: 1, name }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, request: &Request) {
        self.stream.write_all(&encode(request).unwrap()).unwrap();
    }

    /// Starts a Python step and returns its ID.
    pub(crate) fn start_python(&mut self, code: &str, input: Value) -> StepId {
        self.start_step(Action::Python { code: code.into() }, input, Secrets::default())
    }

    /// Starts a step and returns its ID.
    pub(crate) fn start_step(&mut self, action: Action, input: Value, secrets: Secrets) -> StepId {
        let id = self.next_id;
        self.next_id += 1;
        let meta = Meta {
            run: "run-7".into(),
            step: format!("step-{id}"),
            item: None,
            attempt: 2,
            idempotency_key: format!("{}-{}-{id}", self.name, std::process::id()),
        };
        let env = [("OWN".to_owned(), "own".to_owned())].into();
        self.send(&Request::Start(Box::new(Start { id, action, input, env, meta, secrets })));
        id
    }

    /// Runs a Python step to its end.
    pub(crate) fn run(&mut self, code: &str, input: Value) -> StepRecord {
        let id = self.start_python(code, input);
        self.wait_for_end(id)
    }

    /// Waits for the next event.
    pub(crate) fn next_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.decoder.decode().unwrap() {
                return event;
            }
            let mut bytes = [0; 65536];
            let read = self.stream.read(&mut bytes).expect("an event arrives within the deadline");
            assert!(read > 0, "the host has closed the connection");
            self.decoder.push(&bytes[..read]);
        }
    }

    /// Waits for the next line of any step.
    pub(crate) fn next_line(&mut self) -> String {
        loop {
            if let Event::Output { line, .. } = self.next_event() {
                return line;
            }
        }
    }

    /// Waits for the end of a step. Events of other steps are dropped.
    pub(crate) fn wait_for_end(&mut self, step: StepId) -> StepRecord {
        let mut record = StepRecord::default();
        loop {
            match self.next_event() {
                Event::Output { id, line, .. } if id == step => record.lines.push(line),
                Event::Progress { id, fraction, message } if id == step => {
                    record.progress.push((fraction, message));
                }
                Event::Exited { id, outcome } if id == step => {
                    record.outcome = Some(outcome);
                    return record;
                }
                _ => {}
            }
        }
    }

    /// Closes the connection and waits for the exit code of the host.
    pub(crate) fn disconnect(mut self) -> Option<i32> {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        wait_for(|| self.child.try_wait().unwrap()).code()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let deadline = Instant::now() + DEADLINE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Polls until there is a value, at most until the deadline.
pub(crate) fn wait_for<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "no value within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

/// Returns whether a process exists and is not a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}
