//! Python steps in a real host: every way in which one can end, and what it must not leave behind.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test sets up may fail it"
)]

mod support;

use protocol::host::{Action, Outcome, Request, Secrets};
use serde_json::json;
use support::{TestHost, is_alive, wait_for};

fn outcome(host: &mut TestHost, code: &str) -> Outcome {
    host.run(code, json!(null)).outcome.unwrap()
}

/// A step does not get its input, cannot log, or does not know which attempt it is.
#[test]
fn a_step_gets_input_and_context_and_returns_a_value() {
    let mut host = TestHost::start("context");
    let code = r#"
import os
def run(input, ctx):
    print("grüße")
    ctx.log("to %s", "you")
    ctx.progress(0.5, "half")
    assert os.environ["SMBCOPILOT_IDEMPOTENCY_KEY"] == ctx.idempotency_key
    return {"sum": sum(input["numbers"]), "attempt": ctx.attempt, "step": os.environ["SMBCOPILOT_STEP"]}
"#;
    let seen = host.run(code, json!({"numbers": [1, 2, 4]}));
    assert_eq!(seen.lines, ["grüße", "INFO to you"]);
    assert_eq!(seen.progress, [(0.5, "half".to_owned())]);
    let value = json!({"sum": 7, "attempt": 2, "step": "step-1"});
    assert_eq!(seen.outcome, Some(Outcome::Ok { value }));
}

/// An author looks for the mistake in our code instead of their own.
#[test]
fn an_exception_tells_its_type_and_the_authors_part_of_the_traceback() {
    let mut host = TestHost::start("exception");
    let code = "import json\ndef run(input, ctx):\n    return json.loads('{')\n";
    let seen = host.run(code, json!(null));
    let Some(Outcome::Exception { r#type, message, traceback }) = seen.outcome else {
        panic!("an exception")
    };
    assert_eq!(seen.lines.join("\n").trim_end(), traceback.trim_end(), "the log has it as well");
    assert_eq!(r#type, "json.decoder.JSONDecodeError");
    assert!(message.starts_with("Expecting property name"), "{message}");
    assert!(
        traceback.contains("File \"step.py\", line 3, in run\n    return json.loads('{')"),
        "{traceback}"
    );
    assert!(!traceback.contains("harness.py"), "{traceback}");
}

/// One failed step makes the run's status too large to be written.
#[test]
fn a_long_exception_is_short_in_the_report_and_whole_in_the_log() {
    let mut host = TestHost::start("long");
    let seen = host.run("def run(i, c): raise ValueError('ü' * 100_000)", json!(null));
    let Some(Outcome::Exception { message, traceback, .. }) = seen.outcome else { panic!("an exception") };
    assert!(message.contains("100000 characters") && message.len() < 5_000, "{message}");
    assert!(traceback.len() < 9_000, "{traceback}");
    assert!(seen.lines.concat().contains(&"ü".repeat(100_000)));
}

/// A typo, or a forgotten function, gives no hint.
#[test]
fn code_that_is_no_step_is_told_as_an_exception() {
    let mut host = TestHost::start("nostep");
    for (code, kind) in [("def run(:", "SyntaxError"), ("x = 1", "NameError")] {
        match outcome(&mut host, code) {
            Outcome::Exception { r#type, .. } => assert_eq!(r#type, kind),
            other => panic!("{other:?}"),
        }
    }
}

/// A step that leaves, crashes or is too deep for JSON is told as a success, or blocks its run.
#[test]
fn every_other_end_is_told_apart() {
    let mut host = TestHost::start("ends");
    let mut ends =
        |body: &str| outcome(&mut host, &format!("import os, sys, signal\ndef run(i, c):\n  {body}"));
    assert_eq!(ends("sys.exit(3)"), Outcome::Exit { code: 3 });
    assert_eq!(ends("sys.exit('no')"), Outcome::Exit { code: 1 });
    assert_eq!(ends("os._exit(0)"), Outcome::Exit { code: 0 });
    assert_eq!(ends("os.kill(os.getpid(), signal.SIGSEGV)"), Outcome::Signal { number: 11 });
    assert!(matches!(ends("return {1, 2}"), Outcome::BadOutput { message } if message.contains("set")));
    assert!(matches!(ends("return float('nan')"), Outcome::BadOutput { .. }));
    assert!(matches!(ends("return '\\ud800'"), Outcome::BadOutput { .. }));
    assert!(matches!(ends("return eval('['*99 + ']'*99)"), Outcome::Ok { .. }));
    let deep = ends("x = []\n  for _ in range(300): x = [x]\n  return x");
    assert!(matches!(deep, Outcome::BadOutput { message } if message.contains("recursion")));
    assert_eq!(ends("return os.fork() and 5"), Outcome::Ok { value: json!(5) });
}

/// A step sees data of the one before it, or of its neighbour.
#[test]
fn nothing_of_one_step_is_seen_by_the_next() {
    let mut host = TestHost::start("isolation");
    let leave = r#"
import os, sys, json, builtins
def run(input, ctx):
    builtins.secret = json.secret = os.environ["SECRET"] = "s3cret"
    open("left", "w").write("s3cret")
    return os.getcwd()
"#;
    let look = r#"
import os, sys, json, builtins
def run(input, ctx):
    return [hasattr(builtins, "secret"), hasattr(json, "secret"), "SECRET" in os.environ,
            os.listdir("."), os.path.exists(input)]
"#;
    let Some(Outcome::Ok { value: dir }) = host.run(leave, json!(null)).outcome else {
        panic!("a directory")
    };
    let seen = host.run(look, dir).outcome;
    assert_eq!(seen, Some(Outcome::Ok { value: json!([false, false, false, [], false]) }));
}

/// A step that never ends cannot be stopped, or its neighbours go with it.
#[test]
fn an_endless_step_is_killed_and_its_neighbour_goes_on() {
    let mut host = TestHost::start("endless");
    let stubborn = "import signal\ndef run(i, c):\n  signal.signal(signal.SIGTERM, signal.SIG_IGN)\n  print('on')\n  while True: pass";
    let endless = host.begin(stubborn, json!(null));
    assert_eq!(host.line(), "on");
    let patient =
        "import sys\ndef run(i, c):\n  print('there')\n  import time; time.sleep(0.3)\n  return 'done'";
    let neighbour = host.begin(patient, json!(null));
    assert_eq!(host.line(), "there");
    host.send(&Request::Kill { id: endless, grace_ms: 50 });
    assert_eq!(host.end(endless).outcome, Some(Outcome::Signal { number: 9 }));
    assert_eq!(host.end(neighbour).outcome, Some(Outcome::Ok { value: json!("done") }));
}

/// A step that is stopped has no chance to tidy up.
#[test]
fn a_step_may_end_by_itself_within_the_grace() {
    let mut host = TestHost::start("grace");
    let code = "import signal, sys, time\ndef run(i, c):\n  signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n  print('on')\n  time.sleep(60)";
    let id = host.begin(code, json!(null));
    assert_eq!(host.line(), "on");
    host.send(&Request::Kill { id, grace_ms: 10_000 });
    assert_eq!(host.end(id).outcome, Some(Outcome::Exit { code: 7 }));
}

/// A cancel that comes while the interpreter still loads is lost, and the run never ends.
#[test]
fn a_step_can_be_killed_before_it_began() {
    let mut host = TestHost::start("early");
    let id = host.begin("def run(i, c):\n  while True: pass", json!(null));
    host.send(&Request::Kill { id, grace_ms: 0 });
    assert_eq!(host.end(id).outcome, Some(Outcome::Signal { number: 9 }));
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
}

/// Lines are lost or reordered when a step writes a lot.
#[test]
fn ten_megabytes_of_output_all_arrive_in_order() {
    let mut host = TestHost::start("output");
    let code = "def run(i, c):\n  for n in range(100_000): print(f'{n:0100}')\n  return 'x' * 1_000_000";
    let seen = host.run(code, json!(null));
    assert_eq!(seen.lines.len(), 100_000);
    assert!(seen.lines.iter().enumerate().all(|(n, line)| line.parse() == Ok(n)));
    assert_eq!(seen.outcome, Some(Outcome::Ok { value: json!("x".repeat(1_000_000)) }));
}

/// A process that a step forgot goes on using the tenant's CPU, or works for a step that is long over.
#[test]
fn what_a_step_leaves_running_is_killed() {
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
    let Some(Outcome::Ok { value }) = host.run(code, json!(null)).outcome else { panic!("three pids") };
    for pid in value.as_array().unwrap() {
        let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
        wait_for(|| (!is_alive(pid)).then_some(()));
    }
}

/// After a lost runner the host stays, holds the pod and its quota, and its steps go on unseen.
#[test]
fn the_host_leaves_with_its_runner_and_takes_its_steps_along() {
    let mut host = TestHost::start("hangup");
    let code = "import os\ndef run(i, c):\n  print(os.getpid())\n  while True: pass";
    host.begin(code, json!(null));
    let pid = host.line().parse().unwrap();
    assert!(is_alive(pid));
    assert_eq!(host.hang_up(), Some(0));
    wait_for(|| (!is_alive(pid)).then_some(()));
}

/// A step that writes nonsense where its report belongs blocks all others.
#[test]
fn a_broken_channel_ends_one_step_and_no_other() {
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

/// A step that kills the interpreter ends all later steps of its run.
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

/// SIGTERM to the pod ends a host before the runner could let its step finish.
#[test]
fn sigterm_alone_does_not_end_a_host_that_has_a_runner() {
    let mut host = TestHost::start("sigterm");
    assert_eq!(outcome(&mut host, "def run(i, c): return 0"), Outcome::Ok { value: json!(0) });
    let pid = nix::unistd::Pid::from_raw(i32::try_from(host.pid()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
}

fn children(parent: u32) -> Vec<i32> {
    let stat = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent_of =
        |pid| stat(pid).rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// A module that takes long to import is imported by every step again.
#[test]
fn modules_named_beforehand_are_there_when_a_step_begins() {
    let mut host = TestHost::with_flags("preload", &["--preload", "sqlite3,no_such_module"]);
    let code = "import sys\ndef run(i, c): return 'sqlite3' in sys.modules";
    assert_eq!(outcome(&mut host, code), Outcome::Ok { value: json!(true) });
}

/// A step finds files of an earlier one in a directory that both know.
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

/// A step has no way to a secret but its environment, which every program that it starts inherits.
#[test]
fn secrets_are_given_to_those_who_ask() {
    let mut host = TestHost::start("secrets");
    let secrets = Secrets([("erp".to_owned(), [("token".to_owned(), "s3cret".to_owned())].into())].into());
    assert!(!format!("{secrets:?}").contains("s3cret"));
    let code = "import os\ndef run(i, c): return [c.secrets['erp']['token'], 's3cret' in str(os.environ)]";
    let id = host.start_step(Action::Python { code: code.into() }, json!(null), secrets);
    assert_eq!(host.end(id).outcome, Some(Outcome::Ok { value: json!(["s3cret", false]) }));
    assert!(matches!(
        outcome(&mut host, "def run(i, c): return c.secrets['erp']"),
        Outcome::Exception { .. }
    ));
}

/// A step that prints without end fills the host's memory, or a step with a large report is cut off.
#[test]
fn a_hundred_megabytes_of_output_are_read_at_a_bounded_rate_and_memory() {
    let mut host = TestHost::start("flood");
    let code = "import os\ndef run(i, c):\n  while True: os.write(1, b'x' * 99_999 + b'\\n')";
    let id = host.begin(code, json!(null));
    let mut bytes = 0;
    // The burst, and some seconds at the rate.
    while bytes < 24 << 20 {
        bytes += host.line().len();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 32 << 10, "the host has taken {peak} KiB");
    host.send(&Request::Kill { id, grace_ms: 0 });
    assert_eq!(host.end(id).outcome, Some(Outcome::Signal { number: 9 }));
}

/// A step that forks without end takes the node along, or the host, or the steps after it.
#[test]
fn a_fork_bomb_costs_its_step_alone() {
    let mut host = TestHost::with_flags("bomb", &["--max-processes", "60"]);
    // Sleeping children, so that the test does not depend on how fast the machine forks.
    let code = r#"
import os, time
def run(input, ctx):
    while True:
        if os.fork() == 0:
            time.sleep(600)
"#;
    let seen = host.run(code, json!(null));
    assert!(matches!(seen.outcome, Some(Outcome::TooManyProcesses { .. })), "{:?}", seen.outcome);
    assert_eq!(outcome(&mut host, "def run(i, c): return 1"), Outcome::Ok { value: json!(1) });
    wait_for(|| (children(host.pid()).len() == 1).then_some(()));
}
