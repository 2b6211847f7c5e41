//! Attempts of a step to survive its run, to read the input of the next run, or to make it fail.
//!
//! Each host runs as in a pod: as process 1 of a container of its own, as an ordinary user without capabilities. That
//! requires root, like a node.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed setup fails the test"
)]

mod support;

use protocol::host::{Event, Outcome, Request};
use serde_json::{Value, json};
use support::{TestHost, wait_for};

/// Runs a step to its end and returns its value.
fn value(host: &mut TestHost, code: &str) -> Value {
    match host.run(code, json!(null)).outcome {
        Some(Outcome::Ok { value }) => value,
        other => panic!("{other:?}"),
    }
}

/// Runs a step that leaves something behind, then ends its run, and returns whether the pod can execute another run.
fn attack(name: &'static str, code: &str) -> (TestHost, bool) {
    let mut host = TestHost::contained(name, &[]);
    value(&mut host, code);
    let is_reset = host.reset();
    (host, is_reset)
}

/// No process of a run exists in the next one, however many the run starts and whichever signals they ignore.
#[test]
fn no_process_survives_its_run() {
    let bomb = r#"
import os, signal
def run(input, ctx):
    read, write = os.pipe()
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            os.write(write, b"x")
            while True:
                # Each process lives for a moment and has a successor before it ends.
                if os.fork() > 0: os._exit(0)
    for _ in range(20): os.read(read, 1)
"#;
    let (mut host, is_reset) = attack("daemon", bomb);
    assert!(is_reset, "a reset kills processes faster than they fork");
    let processes = r#"
import os, time
def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, state = open(f"/proc/{pid}/stat").read().split("(")[1].rsplit(") ")
        except FileNotFoundError:
            continue
        # One that has ended and whose exit status nobody has read yet executes nothing.
        if state[0] not in "ZX":
            found.append(f"{pid} {name} {state[0]}")
    return found
def run(input, ctx):
    # The process between the interpreter and this one may still be ending.
    deadline = time.monotonic() + 10
    while len(processes()) > 3 and time.monotonic() < deadline: time.sleep(0.01)
    return processes()
"#;
    let found = value(&mut host, processes);
    // Process 1, the interpreter, and the step itself.
    assert_eq!(found.as_array().map(Vec::len), Some(3), "{found}");
}

/// Files of a volume of the image would survive, and count towards no limit: no step is executed beside one, with the path and
/// what to do.
#[test]
fn a_volume_of_the_image_that_steps_can_write_to_is_refused() {
    let mut host = TestHost::contained_with_volume("volume", &[], "/mnt");
    for _ in 0..2 {
        let outcome = host.run("def run(input, ctx): return 1", json!(null)).outcome;
        let Some(Outcome::VolumeWritable { message }) = outcome else { panic!("{outcome:?}") };
        assert!(message.contains("/mnt/data") && message.contains("without it"), "{message}");
        assert!(host.reset(), "the volume is still there in the next run");
    }
}

/// Files, queues and messages that a run leaves are removed from everything that a step can write to.
#[test]
fn no_file_survives_its_run() {
    let code = r#"
import os, pathlib
def run(input, ctx):
    work = pathlib.Path.cwd().parent
    for directory in (work, "/dev/shm", "/media"):
        pathlib.Path(directory, "left").write_text("s3cret")
        locked = pathlib.Path(directory, "locked/inner")
        locked.mkdir(parents=True)
        locked.parent.chmod(0)
    os.close(os.open("/dev/mqueue/left", os.O_CREAT | os.O_RDWR))
    pathlib.Path("/dev/termination-log").write_text("s3cret")
"#;
    let (mut host, is_reset) = attack("files", code);
    assert!(is_reset);
    let code = r#"
import os, pathlib
def run(input, ctx):
    work = pathlib.Path.cwd()
    directories = [work.parent, *map(pathlib.Path, ("/dev/shm", "/dev/mqueue", "/media"))]
    found = [str(path) for directory in directories for path in directory.iterdir() if path != work]
    return found + pathlib.Path("/dev/termination-log").read_text().splitlines()
"#;
    assert_eq!(value(&mut host, code), json!([]));
}

/// A step cannot attach to process 1, which receives the inputs of later runs, nor read its memory or its files.
#[test]
fn a_step_cannot_reach_process_1() {
    let mut host = TestHost::contained("ptrace", &[]);
    let code = r#"
import ctypes, os
def run(input, ctx):
    libc = ctypes.CDLL(None, use_errno=True)
    PTRACE_SEIZE = 0x4206
    reached = []
    if libc.ptrace(PTRACE_SEIZE, 1, None, None) == 0: reached.append("ptrace")
    for name in ("mem", "environ", "maps", "oom_score_adj"):
        try:
            os.close(os.open(f"/proc/1/{name}", os.O_RDWR if name in ("mem", "oom_score_adj") else os.O_RDONLY))
            reached.append(name)
        except OSError: pass
    try: reached += os.listdir("/proc/1/fd")
    except OSError: pass
    return reached
"#;
    assert_eq!(value(&mut host, code), json!([]));
    // The same calls reach a process of the step's own, so that it is process 1 that is protected.
    let code =
        code.replace("    libc =", "    child = os.fork() or __import__('time').sleep(600)\n    libc =");
    let reached =
        value(&mut host, &code.replace("SEIZE, 1", "SEIZE, child").replace("/proc/1/", "/proc/{child}/"));
    assert!(reached.to_string().contains("ptrace") && reached.to_string().contains("mem"), "{reached}");
}

/// A pod is replaced if a run has changed the limits, the priority or the CPUs of process 1, which all later steps inherit.
#[test]
fn a_changed_process_1_ends_its_pod() {
    for (name, change) in [
        ("limits", "resource.prlimit(1, resource.RLIMIT_NOFILE, (64, 64))"),
        ("nice", "os.setpriority(os.PRIO_PROCESS, 1, 19)"),
        ("policy", "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))"),
    ] {
        let code = format!("import os, resource\ndef run(i, c): {change}");
        let (host, is_reset) = attack(name, &code);
        assert!(!is_reset, "{name}");
        assert_eq!(host.disconnect(), Some(1), "{name}");
    }
    let (_, is_reset) = attack("unchanged", "def run(i, c): return 1");
    assert!(is_reset, "a pod is not replaced without a reason");
}

/// A pod is replaced if a run has left System V objects, through which it could pass data to the next one.
#[test]
fn a_system_v_object_ends_its_pod() {
    for (name, call) in
        [("shm", "shmget(0, 4096, 0o1666)"), ("msg", "msgget(77, 0o1666)"), ("sem", "semget(0, 1, 0o1666)")]
    {
        let code = format!("import ctypes\ndef run(i, c): assert ctypes.CDLL(None).{call} >= 0");
        let (_, is_reset) = attack(name, &code);
        assert!(!is_reset, "{name}");
    }
}

/// The interpreter of a run is not that of the next one, whatever the run has done to it.
#[test]
fn a_stopped_interpreter_is_replaced_before_the_next_run() {
    let stop = "import os, signal\ndef run(i, c): os.kill(int(open('/proc/1/task/1/children').read().split()[0]), signal.SIGSTOP)";
    let (mut host, is_reset) = attack("stop", stop);
    assert!(is_reset);
    assert_eq!(value(&mut host, "def run(i, c): return 1"), json!(1));
}

/// A host in which a step does not begin exits, so that its run continues in another pod.
#[test]
fn a_host_in_which_a_step_does_not_begin_exits() {
    let mut host = TestHost::contained("stuck", &["--start-timeout", "5"]);
    let stop = "import os, signal\ndef run(i, c): os.kill(int(open('/proc/1/task/1/children').read().split()[0]), signal.SIGSTOP)";
    value(&mut host, stop);
    host.start_python("def run(i, c): return 1", json!(null));
    let exit = wait_for(|| host.exit_code());
    assert_eq!(exit, 1);
}

/// A step that fills the space for its files fails with that reason, and the next one finds the space empty.
#[test]
fn a_step_that_fills_its_space_fails_with_that_reason() {
    let mut host = TestHost::contained("disk", &[]);
    for fill in [
        "open('large', 'wb').write(bytes(64 << 20))",
        "[open(f'file-{n}', 'w').close() for n in range(150_000)]",
        // The kernel counts a file that is open and deleted; a program that adds up files does not.
        "f = open('large', 'wb', buffering=0); os.unlink('large'); [f.write(bytes(1 << 20)) for n in range(64)]",
    ] {
        let code = format!("import os\ndef run(i, c): {fill}");
        let outcome = host.run(&code, json!(null)).outcome.unwrap();
        match outcome {
            Outcome::DiskFull { message } => assert!(message.contains("16777216 bytes"), "{message}"),
            // The space is free again when the process has ended.
            Outcome::Exception { message, .. } => {
                assert!(fill.contains("unlink") && message.contains("No space"), "{message}")
            }
            other => panic!("{fill}: {other:?}"),
        }
        assert_eq!(value(&mut host, "def run(i, c): return open('small', 'w').write('x')"), json!(1));
    }
    // The one file outside of the volumes is bounded as well.
    let code = "def run(i, c): open('/dev/termination-log', 'wb').write(bytes(64 << 20))";
    let outcome = host.run(code, json!(null)).outcome.unwrap();
    assert!(matches!(outcome, Outcome::Exception { message, .. } if message.contains("too large")));
}

/// A step that is still running when its run ends is killed and reported.
#[test]
fn a_running_step_is_killed_at_the_end_of_its_run() {
    let mut host = TestHost::contained("running", &[]);
    let id = host.start_python("def run(i, c):\n  print('on')\n  while True: pass", json!(null));
    assert_eq!(host.next_line(), "on");
    host.send(&Request::KillAll);
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Signal { number: 9 }));
    assert_eq!(host.next_event(), Event::Killed);
}
