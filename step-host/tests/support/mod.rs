//! A real step host with a real interpreter, and a runner's end of its socket.

#![allow(dead_code, reason = "not every test file uses all of it")]

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

/// A host that is killed, with its directory, when this is dropped.
pub(crate) struct TestHost {
    child: Child,
    dir: PathBuf,
    stream: UnixStream,
    decoder: Decoder,
    next_id: StepId,
    name: &'static str,
}

/// All that a step gave from its start to its end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) lines: Vec<String>,
    pub(crate) progress: Vec<(f64, String)>,
    pub(crate) outcome: Option<Outcome>,
}

impl TestHost {
    /// `name` must differ between tests: it is part of the idempotency keys, by which processes are found.
    pub(crate) fn start(name: &'static str) -> Self {
        Self::with_flags(name, &[])
    }

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

    pub(crate) fn begin(&mut self, code: &str, input: Value) -> StepId {
        self.start_step(Action::Python { code: code.into() }, input, Secrets::default())
    }

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

    /// Runs one step to its end.
    pub(crate) fn run(&mut self, code: &str, input: Value) -> Seen {
        let id = self.begin(code, input);
        self.end(id)
    }

    pub(crate) fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.decoder.decode().unwrap() {
                return event;
            }
            let mut bytes = [0; 65536];
            let read = self.stream.read(&mut bytes).expect("an event within the deadline");
            assert!(read > 0, "the host left");
            self.decoder.push(&bytes[..read]);
        }
    }

    /// Waits for a line of any step.
    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Event::Output { line, .. } = self.event() {
                return line;
            }
        }
    }

    pub(crate) fn end(&mut self, step: StepId) -> Seen {
        let mut seen = Seen::default();
        loop {
            match self.event() {
                Event::Output { id, line, .. } if id == step => seen.lines.push(line),
                Event::Progress { id, fraction, message } if id == step => {
                    seen.progress.push((fraction, message));
                }
                Event::Exited { id, outcome } if id == step => {
                    seen.outcome = Some(outcome);
                    return seen;
                }
                _ => {}
            }
        }
    }

    /// Hangs up, and waits for the host to be gone.
    pub(crate) fn hang_up(mut self) -> Option<i32> {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        wait_for(|| self.child.try_wait().unwrap()).code()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let gone = Instant::now() + DEADLINE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < gone {
            std::thread::yield_now();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Polls until there is something, at most until the deadline.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {DEADLINE:?} in vain");
        std::thread::yield_now();
    }
}

/// Whether a process exists and is not merely waiting to be collected.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}
