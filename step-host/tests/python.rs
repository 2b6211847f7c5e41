//! Python steps in a real host: all outcomes, isolation between steps, and cleanup.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed setup fails the test"
)]

mod support;

use protocol::host::{Action, Outcome, Request, Secrets};
use serde_json::json;
use support::{TestHost, is_alive, wait_for};

/// Runs a step to its end and returns its outcome.
fn outcome(host: &mut TestHost, code: &str) -> Outcome {
    host.run(code, json!(null)).outcome.unwrap()
}

/// A step receives its input and context, can log and report progress, and returns a value.
#[test]
fn a_step_receives_input_and_context_and_returns_a_value() {
    let mut host = TestHost::start("context");
    let code = r#"
import os
def run(input, ctx):
    print("grüße")
    ctx.log.info("to %s", "you")
    ctx.progress(0.5, "half")
    assert os.environ["SMBCOPILOT_IDEMPOTENCY_KEY"] == ctx.idempotency_key
    return {"sum": sum(input["numbers"]), "attempt": ctx.attempt, "step": os.environ["SMBCOPILOT_STEP"]}
"#;
    let step = host.run(code, json!({"numbers": [1, 2, 4]}));
    assert_eq!(step.lines, ["grüße", "INFO to you"]);
    assert_eq!(step.progress, [(0.5, "half".to_owned())]);
    let value = json!({"sum": 7, "attempt": 2, "step": "step-1"});
    assert_eq!(step.outcome, Some(Outcome::Ok { value }));
}

/// Whatever a step logs, its log has a line of it, and logging never fails the step.
#[test]
fn logging_never_fails_a_step() {
    let mut host = TestHost::start("log");
    let code = r#"
import logging
class Mute:
    def __str__(self): raise ValueError("no text")
def run(input, ctx):
    ctx.log()
    ctx.log("100 %", 7, None, customer="Bakery", self=1)
    ctx.log(Mute(), broken=Mute(), lone="\udc80")
    ctx.log.handlers[0].stream = None
    ctx.log("lost")
    return "done"
"#;
    let step = host.run(code, json!(null));
    assert_eq!(step.outcome, Some(Outcome::Ok { value: json!("done") }), "{:?}", step.lines);
    assert_eq!(step.lines[..2], ["INFO ", "INFO 100 % 7 None customer='Bakery' self=1"]);
    assert!(step.lines[2].starts_with("INFO <Mute without a text> broken=<"), "{}", step.lines[2]);
}

/// The file of types for editors describes exactly the attributes of the context that a step receives.
#[test]
fn the_types_for_editors_describe_the_context() {
    let mut host = TestHost::start("types");
    let code = r#"
import ast
from smbcopilot import Context, Log
def run(input, ctx):
    assert isinstance(ctx, Context) and isinstance(ctx.log, Log)
    classes = {node.name: node.body for node in ast.parse(input).body if isinstance(node, ast.ClassDef)}
    fields = [node.target.id for node in classes["Context"] if isinstance(node, ast.AnnAssign)]
    methods = [node.name for node in classes["Context"] if isinstance(node, ast.FunctionDef)]
    public = [name for name in dir(ctx) if not name.startswith("_")]
    return sorted(fields + methods) == sorted(public)
"#;
    let step = host.run(code, json!(include_str!("../python/smbcopilot.pyi")));
    assert_eq!(step.outcome, Some(Outcome::Ok { value: json!(true) }));
}

/// An exception is reported with its type, its message, and the traceback from the step's own code on.
#[test]
fn an_exception_has_its_type_and_the_traceback_of_the_step() {
    let mut host = TestHost::start("exception");
    let code = "import json\ndef run(input, ctx):\n    return json.loads('{')\n";
    let step = host.run(code, json!(null));
    let Some(Outcome::Exception { r#type, message, traceback }) = step.outcome else {
        panic!("the step must end with an exception")
    };
    assert_eq!(step.lines.join("\n").trim_end(), traceback.trim_end(), "the log contains the same traceback");
    assert_eq!(r#type, "json.decoder.JSONDecodeError");
    assert!(message.starts_with("Expecting property name"), "{message}");
    assert!(
        traceback.contains("File \"step.py\", line 3, in run\n    return json.loads('{')"),
        "{traceback}"
    );
    assert!(!traceback.contains("harness.py"), "{traceback}");
}

/// A long exception is shortened in the report, which goes to the run's status, and complete in the log.
#[test]
fn a_long_exception_is_shortened_in_the_report_and_complete_in_the_log() {
    let mut host = TestHost::start("long");
    let step = host.run("def run(i, c): raise ValueError('ü' * 100_000)", json!(null));
    let Some(Outcome::Exception { message, traceback, .. }) = step.outcome else {
        panic!("the step must end with an exception")
    };
    assert!(message.contains("100000 characters") && message.len() < 5_000, "{message}");
    assert!(traceback.len() < 9_000, "{traceback}");
    assert!(step.lines.concat().contains(&"ü".repeat(100_000)));
}

/// Code with a syntax error or without the function `run` is reported as an exception.
#[test]
fn invalid_code_is_reported_as_an_exception() {
    let mut host = TestHost::start("nostep");
    for (code, kind) in [("def run(:", "SyntaxError"), ("x = 1", "NameError")] {
        match outcome(&mut host, code) {
            Outcome::Exception { r#type, .. } => assert_eq!(r#type, kind),
            other => panic!("{other:?}"),
        }
    }
}

/// Exit codes, signals and values that are not JSON have different outcomes.
#[test]
fn every_other_kind_of_end_has_its_own_outcome() {
    let mut host = TestHost::start("ends");
    let mut ends =
        |body: &str| outcome(&mut host, &format!("import os, sys, signal\ndef run(i, c):\n  {body}"));
    assert_eq!(ends("sys.exit(3)"), Outcome::Exit { code: 3, out_of_memory: false });
    assert_eq!(ends("sys.exit('no')"), Outcome::Exit { code: 1, out_of_memory: false });
    assert_eq!(ends("os._exit(0)"), Outcome::Exit { code: 0, out_of_memory: false });
    assert_eq!(ends("os.kill(os.getpid(), signal.SIGSEGV)"), Outcome::Signal { number: 11 });
    assert!(matches!(ends("return {1, 2}"), Outcome::BadOutput { message } if message.contains("set")));
    assert!(matches!(ends("return float('nan')"), Outcome::BadOutput { .. }));
    assert!(matches!(ends("return '\\ud800'"), Outcome::BadOutput { .. }));
    assert!(matches!(ends("return eval('['*99 + ']'*99)"), Outcome::Ok { .. }));
    let deep = ends("x = []\n  for _ in range(300): x = [x]\n  return x");
    assert!(matches!(deep, Outcome::BadOutput { message } if message.contains("recursion")));
    assert_eq!(ends("return os.fork() and 5"), Outcome::Ok { value: json!(5) });
}

/// A step finds no data of an earlier one: no modules, variables, environment or files.
#[test]
fn steps_are_isolated_from_earlier_ones() {
    let mut host = TestHost::start("isolation");
    let write = r#"
import os, sys, json, builtins
def run(input, ctx):
    builtins.secret = json.secret = os.environ["SECRET"] = "s3cret"
    open("left", "w").write("s3cret")
    return os.getcwd()
"#;
    let read = r#"
import os, sys, json, builtins
def run(input, ctx):
    return [hasattr(builtins, "secret"), hasattr(json, "secret"), "SECRET" in os.environ,
            os.listdir("."), os.path.exists(input)]
"#;
    let Some(Outcome::Ok { value: dir }) = host.run(write, json!(null)).outcome else {
        panic!("the step must return a directory")
    };
    let outcome = host.run(read, dir).outcome;
    assert_eq!(outcome, Some(Outcome::Ok { value: json!([false, false, false, [], false]) }));
}

/// A step that ignores SIGTERM is killed, and other steps are not affected.
#[test]
fn an_endless_step_is_killed_and_other_steps_continue() {
    let mut host = TestHost::start("endless");
    let stubborn = "import signal\ndef run(i, c):\n  signal.signal(signal.SIGTERM, signal.SIG_IGN)\n  print('on')\n  while True: pass";
    let endless = host.start_python(stubborn, json!(null));
    assert_eq!(host.next_line(), "on");
    let slow =
        "import sys\ndef run(i, c):\n  print('there')\n  import time; time.sleep(0.3)\n  return 'done'";
    let neighbour = host.start_python(slow, json!(null));
    assert_eq!(host.next_line(), "there");
    host.send(&Request::Kill { id: endless, grace_ms: 50 });
    assert_eq!(host.wait_for_end(endless).outcome, Some(Outcome::Signal { number: 9 }));
    assert_eq!(host.wait_for_end(neighbour).outcome, Some(Outcome::Ok { value: json!("done") }));
}

/// A step that handles SIGTERM can clean up and exit within the grace period.
#[test]
fn a_step_can_exit_by_itself_within_the_grace_period() {
    let mut host = TestHost::start("grace");
    let code = "import signal, sys, time\ndef run(i, c):\n  signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n  print('on')\n  time.sleep(60)";
    let id = host.start_python(code, json!(null));
    assert_eq!(host.next_line(), "on");
    host.send(&Request::Kill { id, grace_ms: 10_000 });
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Exit { code: 7, out_of_memory: false }));
}

/// A step can be killed before its process exists, while the interpreter is still loading.
#[test]
fn a_step_can_be_killed_before_it_has_started() {
    let mut host = TestHost::start("early");
    let id = host.start_python("def run(i, c):\n  while True: pass", json!(null));
    host.send(&Request::Kill { id, grace_ms: 0 });
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Signal { number: 9 }));
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
}

/// All lines of a large output arrive in order.
#[test]
fn ten_megabytes_of_output_arrive_completely_and_in_order() {
    let mut host = TestHost::start("output");
    let code = "def run(i, c):\n  for n in range(100_000): print(f'{n:0100}')\n  return 'x' * 1_000_000";
    let step = host.run(code, json!(null));
    assert_eq!(step.lines.len(), 100_000);
    assert!(step.lines.iter().enumerate().all(|(n, line)| line.parse() == Ok(n)));
    assert_eq!(step.outcome, Some(Outcome::Ok { value: json!("x".repeat(1_000_000)) }));
}

/// Processes that a step leaves running are killed, also those in sessions of their own.
#[test]
fn processes_that_a_step_leaves_are_killed() {
    let mut host = TestHost::start("left");
    let code = r#"
import os, subprocess
def run(input, ctx):
    child = subprocess.Popen(["sleep", "600"])
    escaped = subprocess.Popen(["sleep", "600"], start_new_session=True)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, b"%d" % os.getpid())
            import time; time.sleep(600)
        os._exit(0)
    return [child.pid, escaped.pid, int(os.read(read, 20))]
"#;
    let Some(Outcome::Ok { value }) = host.run(code, json!(null)).outcome else {
        panic!("the step must return three PIDs")
    };
    for pid in value.as_array().unwrap() {
        let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
        wait_for(|| (!is_alive(pid)).then_some(()));
    }
}

/// The host exits when its runner closes the connection, and kills its steps.
#[test]
fn the_host_exits_with_its_runner_and_kills_its_steps() {
    let mut host = TestHost::start("hangup");
    let code = "import os\ndef run(i, c):\n  print(os.getpid())\n  while True: pass";
    host.start_python(code, json!(null));
    let pid = host.next_line().parse().unwrap();
    assert!(is_alive(pid));
    assert_eq!(host.disconnect(), Some(0));
    wait_for(|| (!is_alive(pid)).then_some(()));
}

/// Invalid data on the channel of a step affects only that step.
#[test]
fn an_invalid_message_ends_only_its_own_step() {
    let mut host = TestHost::start("broken");
    let code = "def run(i, c):\n  c._channel.sendall(b'\\xff' * 8)\n  return 1";
    assert!(matches!(outcome(&mut host, code), Outcome::BadOutput { .. }));
    let code = "def run(i, c):\n  c._channel.sendall(b'\\0\\0\\0\\x02{]')\n  return 1";
    assert!(matches!(outcome(&mut host, code), Outcome::BadOutput { .. }));
    let code = r#"
import json, struct
def run(i, c):
    body = json.dumps({"exception": {"type": "E", "message": "x" * 16_000_000, "traceback": ""}}).encode()
    c._channel.sendall(struct.pack(">I", len(body)) + body)
"#;
    assert!(matches!(outcome(&mut host, code), Outcome::Exception { message, .. } if message.len() < 100));
    let code = r#"
import struct
def run(i, c):
    body = b'{"result":"' + b"x" * (16 * 1024 * 1024 - 13) + b'"}'
    c._channel.sendall(struct.pack(">I", len(body)) + body)
"#;
    assert!(matches!(outcome(&mut host, code), Outcome::BadOutput { .. }));
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
}

/// The interpreter is restarted after a step has killed it, and later steps run.
#[test]
fn a_killed_interpreter_is_replaced() {
    let mut host = TestHost::start("respawn");
    let code = "import os, signal, subprocess\ndef run(i, c):\n  os.kill(i, signal.SIGKILL)\n  return 'did'";
    assert_eq!(outcome(&mut host, "def run(i, c): return 0"), Outcome::Ok { value: json!(0) });
    let interpreter = children(host.pid());
    assert_eq!(interpreter.len(), 1);
    assert_eq!(host.run(code, json!(interpreter[0])).outcome, Some(Outcome::Ok { value: json!("did") }));
    wait_for(|| {
        (outcome(&mut host, "def run(i, c): return 1") == Outcome::Ok { value: json!(1) }).then_some(())
    });
}

/// SIGTERM does not end a host with a connected runner, which decides how long steps may continue.
#[test]
fn sigterm_does_not_end_a_host_with_a_runner() {
    let mut host = TestHost::start("sigterm");
    assert_eq!(outcome(&mut host, "def run(i, c): return 0"), Outcome::Ok { value: json!(0) });
    let pid = nix::unistd::Pid::from_raw(i32::try_from(host.pid()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
}

/// Returns the PIDs of the child processes.
fn children(parent: u32) -> Vec<i32> {
    let stat = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent_of =
        |pid| stat(pid).rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// Modules of `--preload` are loaded when a step starts, and an unknown one is no error.
#[test]
fn preloaded_modules_are_available_to_steps() {
    let mut host = TestHost::with_flags("preload", &["--preload", "sqlite3,no_such_module"]);
    let code = "import sys\ndef run(i, c): return 'sqlite3' in sys.modules";
    assert_eq!(outcome(&mut host, code), Outcome::Ok { value: json!(true) });
}

/// The scratch directory is emptied when no step runs, so that a step finds no files of an earlier one.
#[test]
fn a_shared_directory_is_emptied_when_no_step_runs() {
    let scratch = std::env::temp_dir().join(format!("smb-scratch-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let mut host = TestHost::with_flags("scratch", &["--scratch", scratch.to_str().unwrap()]);
    let code = "import os\ndef run(i, c):\n  found = os.listdir(i)\n  os.makedirs(i + '/a/b')\n  open(i + '/f', 'w')\n  return found";
    for _ in 0..2 {
        assert_eq!(host.run(code, json!(scratch)).outcome, Some(Outcome::Ok { value: json!([]) }));
    }
    std::fs::remove_dir_all(scratch).unwrap();
}

/// Secrets are available through `ctx.secrets` and are not part of the environment, which programs inherit.
#[test]
fn secrets_are_available_through_the_context_only() {
    let mut host = TestHost::start("secrets");
    let secrets = Secrets([("erp".to_owned(), [("token".to_owned(), "s3cret".to_owned())].into())].into());
    assert!(!format!("{secrets:?}").contains("s3cret"));
    let code = "import os\ndef run(i, c): return [c.secrets['erp']['token'], 's3cret' in str(os.environ)]";
    let id = host.start_step(Action::Python { code: code.into() }, json!(null), secrets);
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Ok { value: json!(["s3cret", false]) }));
    assert!(matches!(
        outcome(&mut host, "def run(i, c): return c.secrets['erp']"),
        Outcome::Exception { .. }
    ));
}

/// Endless output is read with bounded memory, and a large burst is not cut off.
#[test]
fn endless_output_is_read_with_bounded_memory() {
    let mut host = TestHost::start("flood");
    let code = "import os\ndef run(i, c):\n  while True: os.write(1, b'x' * 99_999 + b'\\n')";
    let id = host.start_python(code, json!(null));
    let mut bytes = 0;
    // The step has written the burst and some seconds of output at the limited rate.
    while bytes < 24 << 20 {
        bytes += host.next_line().len();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 32 << 10, "the host has used {peak} KiB");
    host.send(&Request::Kill { id, grace_ms: 0 });
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Signal { number: 9 }));
}

/// A step that exceeds the process limit is killed, and the host continues with later steps.
#[test]
fn a_fork_bomb_ends_only_its_own_step() {
    let mut host = TestHost::with_flags("bomb", &["--max-processes", "60"]);
    // The children sleep, so that the test does not depend on how fast the machine forks.
    let code = r#"
import os, time
def run(input, ctx):
    while True:
        if os.fork() == 0:
            time.sleep(600)
"#;
    let step = host.run(code, json!(null));
    assert!(matches!(step.outcome, Some(Outcome::TooManyProcesses { .. })), "{:?}", step.outcome);
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
    wait_for(|| (children(host.pid()).len() == 1).then_some(()));
}
