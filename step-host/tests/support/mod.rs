//! Real step host with a real interpreter, and a connection to it in the role of the runner.

#![allow(dead_code, reason = "not every test file uses everything")]

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use protocol::{
    frame::{Decoder, encode},
    host::{Action, Event, Meta, Outcome, Request, Secrets, Start, StepId},
};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

const PROGRAM: &str = env!("CARGO_BIN_EXE_step-host");
const HARNESS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/harness.py");
/// Mounts the volumes of a pod and starts the host as an ordinary user. The arguments are the directory of the socket, which
/// becomes `/media`, the program, the harness, and the flags of the program.
const CONTAINER: &str = r#"
set -e
# As in a pod, everything is read-only except for the volumes that follow. What is hidden cannot be mounted again.
for point in $(cut -d ' ' -f 5 /proc/self/mountinfo); do
    case "$point" in /proc*) ;; *) mount -o remount,bind,ro "$point" 2> /dev/null || true ;; esac
done
mount --bind "$1" /media
mount -o remount,bind,rw /media
mount -t tmpfs tmpfs /srv
cp "$2" /srv/step-host
cp "$3" /srv/harness.py
shift 3
mkdir /srv/dev /srv/dev/shm /srv/dev/mqueue
touch /srv/dev/null /srv/dev/termination-log
chmod 666 /srv/dev/termination-log
mount --bind /srv/dev/termination-log /srv/dev/termination-log
mount --bind /dev/null /srv/dev/null
mount -t tmpfs -o mode=1777 tmpfs /srv/dev/shm
mount -t mqueue mqueue /srv/dev/mqueue
chmod 1777 /srv/dev/mqueue
mount --rbind /srv/dev /dev
umount /srv/dev/null /srv/dev/termination-log /srv/dev/shm /srv/dev/mqueue
mount -o remount,bind,ro /srv
mount -o remount,bind,ro /dev
if [ -n "$VOLUME" ]; then
    mount -t tmpfs -o mode=755 tmpfs "$VOLUME"
    mkdir "$VOLUME/data"
    chown 10002 "$VOLUME/data"
fi
mount -t tmpfs -o mode=1777,size=16m,nr_inodes=1k tmpfs /tmp
exec setpriv --reuid 10002 --regid 10002 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    /srv/step-host "$@"
"#;

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
        let work_dir = dir.to_str().unwrap();
        let child = command(Command::new(PROGRAM), &dir).args(["--work-dir", work_dir]).args(flags).spawn();
        Self::connect(name, dir, child.unwrap())
    }

    /// Starts a host as in a pod: as process 1 of namespaces of its own, as a user without capabilities, with the volumes of a
    /// pod. The directory of its socket is `/media`.
    pub(crate) fn contained(name: &'static str, flags: &[&str]) -> Self {
        Self::contained_with_volume(name, flags, "")
    }

    /// Starts a host like [`Self::contained`], in which a volume is mounted at a path. It has a directory that steps can write
    /// to.
    pub(crate) fn contained_with_volume(name: &'static str, flags: &[&str], volume: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-contained-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        let mut container = Command::new("unshare");
        container.env("VOLUME", volume);
        container.args([
            "--ipc",
            "--pid",
            "--mount",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            CONTAINER,
        ]);
        container.arg("sh").arg(&dir).arg(PROGRAM).arg(HARNESS);
        let mut container = command(container, Path::new("/media"));
        container.args(["--harness", "/srv/harness.py", "--work-dir", "/tmp", "--scratch", "/tmp"]);
        container.args(["--shared-dirs", "/dev/shm:/dev/mqueue"]);
        Self::connect(name, dir, container.args(flags).spawn().unwrap())
    }

    fn connect(name: &'static str, dir: PathBuf, child: Child) -> Self {
        let socket = dir.join("host.sock");
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
        self.read_event().expect("the host has not closed the connection")
    }

    /// Waits for the next event. Returns `None` if the host has closed the connection.
    fn read_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.decode().unwrap() {
                return Some(event);
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                read => self.decoder.push(&bytes[..read.expect("an event arrives within the deadline")]),
            }
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

    /// Ends a run. Returns whether the host can execute another one; if not, it has exited.
    pub(crate) fn reset(&mut self) -> bool {
        [(Request::KillAll, Event::Killed), (Request::Clear, Event::Cleared)].into_iter().all(
            |(request, expected)| {
                self.send(&request);
                while let Some(event) = self.read_event() {
                    if event == expected {
                        return true;
                    }
                }
                false
            },
        )
    }

    /// Returns the exit code of the host if it has exited.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap()?.code()
    }

    /// Closes the connection and waits for the exit code of the host.
    pub(crate) fn disconnect(mut self) -> Option<i32> {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
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

/// Adds the flags of a host whose socket is in this directory.
fn command(mut host: Command, socket_dir: &Path) -> Command {
    host.args(["--socket", socket_dir.join("host.sock").to_str().unwrap(), "--harness", HARNESS]);
    host.args(["--runner-uid", &nix::unistd::getuid().to_string()]);
    host
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
