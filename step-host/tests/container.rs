//! Container steps in a real host: what a program gets, what it gives, and how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test sets up may fail it"
)]

mod support;

use protocol::host::{Action, Outcome, Request, Secrets, StepId};
use serde_json::{Value, json};
use support::{Seen, TestHost, is_alive, wait_for};

fn host(name: &'static str) -> TestHost {
    TestHost::with_flags(name, &["--kind", "container"])
}

fn begin(host: &mut TestHost, command: &[&str], input: Value) -> StepId {
    let command = command.iter().map(|part| (*part).to_owned()).collect();
    host.start_step(Action::Container { command, args: Vec::new() }, input, Secrets::default())
}

fn run(host: &mut TestHost, command: &[&str]) -> Seen {
    let id = begin(host, command, json!({"lines": [1, 2]}));
    host.end(id)
}

fn sh(host: &mut TestHost, script: &str) -> Outcome {
    run(host, &["sh", "-c", script]).outcome.unwrap()
}

/// A tool does not find its input, or its output is lost.
#[test]
fn a_program_reads_its_input_and_leaves_its_output() {
    let mut host = host("files");
    let value = json!({"input": {"lines": [1, 2]}, "own": "own", "attempt": "2"});
    let script = r#"printf '{"input": %s, "own": "%s", "attempt": "%s"}' "$(cat $SMBCOPILOT_INPUT)" $OWN $SMBCOPILOT_ATTEMPT > $SMBCOPILOT_OUTPUT"#;
    assert_eq!(sh(&mut host, script), Outcome::Ok { value });
    // The next one finds nothing of it.
    assert_eq!(sh(&mut host, "ls $HOME"), Outcome::Ok { value: json!({"stdout": "input.json"}) });
    let id = host.start_step(
        Action::Container { command: vec!["echo".into(), "a b".into()], args: vec!["$HOME".into()] },
        json!(null),
        Secrets::default(),
    );
    assert_eq!(host.end(id).outcome, Some(Outcome::Ok { value: json!({"stdout": "a b $HOME"}) }));
}

/// A tool's own lines, its exit code or its crash are told as something else.
#[test]
fn every_end_is_told_apart() {
    let mut host = host("ends");
    let seen = run(&mut host, &["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!((seen.lines.len(), seen.outcome), (2, Some(Outcome::Exit { code: 3 })));
    assert_eq!(sh(&mut host, "exit 127"), Outcome::Exit { code: 127 });
    assert_eq!(sh(&mut host, "kill -SEGV $$"), Outcome::Signal { number: 11 });
    assert_eq!(sh(&mut host, "true"), Outcome::Ok { value: json!({"stdout": ""}) });
    let bad = |outcome, part: &str| match outcome {
        Outcome::BadOutput { message } => assert!(message.contains(part), "{message}"),
        other => panic!("{other:?}"),
    };
    bad(sh(&mut host, "echo '{' > $SMBCOPILOT_OUTPUT"), "not JSON");
    bad(sh(&mut host, "mkfifo $SMBCOPILOT_OUTPUT"), "no file");
    bad(sh(&mut host, "truncate -s 20M $SMBCOPILOT_OUTPUT"), "20971520 bytes");
}

/// A typo in a command is blamed on us, and repeated in vain.
#[test]
fn a_command_that_cannot_be_executed_is_named() {
    let mut host = host("typo");
    for (command, reason) in [
        ("no-such-tool", "no such program in its PATH"),
        ("/no/such/tool", "no such file"),
        ("/etc/passwd", "not executable"),
    ] {
        match run(&mut host, &[command]).outcome {
            Some(Outcome::NoCommand { message }) => {
                assert!(message.contains(reason) && message.contains(command), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A tool that is stopped cannot tidy up, or stays, or what it started does.
#[test]
fn a_program_is_asked_to_end_and_then_killed_with_all_it_started() {
    let mut host = host("kill");
    let polite = begin(
        &mut host,
        &["sh", "-c", "trap 'exit 7' TERM; echo on; while :; do sleep 0.1; done"],
        json!(null),
    );
    assert_eq!(host.line(), "on");
    host.send(&Request::Kill { id: polite, grace_ms: 10_000 });
    assert_eq!(host.end(polite).outcome, Some(Outcome::Exit { code: 7 }));

    let stubborn =
        begin(&mut host, &["sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; wait"], json!(null));
    let child = host.line().parse().unwrap();
    host.send(&Request::Kill { id: stubborn, grace_ms: 50 });
    assert_eq!(host.end(stubborn).outcome, Some(Outcome::Signal { number: 9 }));
    wait_for(|| (!is_alive(child)).then_some(()));
}

/// The program that a host is cannot be put into a foreign image.
#[test]
fn the_program_installs_itself() {
    let directory = std::env::temp_dir().join(format!("smb-install-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for _ in 0..2 {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_step-host"))
            .arg("install")
            .arg(&directory)
            .status()
            .unwrap();
        assert!(done.success());
    }
    let refused = std::process::Command::new(directory.join("step-host")).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SMBCOPILOT_SOCKET"));
    std::fs::remove_dir_all(directory).unwrap();
}
