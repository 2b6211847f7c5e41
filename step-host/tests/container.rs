//! Container steps in a real host: input, output and outcomes of programs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed setup fails the test"
)]

mod support;

use protocol::host::{Action, Outcome, Request, Secrets, StepId};
use serde_json::{Value, json};
use support::{StepRecord, TestHost, is_alive, wait_for};

fn start_host(name: &'static str) -> TestHost {
    TestHost::with_flags(name, &["--kind", "container"])
}

/// Starts a command and returns its ID.
fn start(host: &mut TestHost, command: &[&str], input: Value) -> StepId {
    let command = command.iter().map(|part| (*part).to_owned()).collect();
    host.start_step(
        Action::Container { command, args: Vec::new(), working_dir: None },
        input,
        Secrets::default(),
    )
}

/// Runs a command to its end.
fn run(host: &mut TestHost, command: &[&str]) -> StepRecord {
    let id = start(host, command, json!({"lines": [1, 2]}));
    host.wait_for_end(id)
}

/// Runs a shell script and returns its outcome.
fn run_shell(host: &mut TestHost, script: &str) -> Outcome {
    run(host, &["sh", "-c", script]).outcome.unwrap()
}

/// A program reads its input file and writes its output file, and the files of a step are removed at its end.
#[test]
fn a_program_reads_its_input_and_writes_its_output() {
    let mut host = start_host("files");
    let value = json!({"input": {"lines": [1, 2]}, "own": "own", "attempt": "2"});
    let script = r#"printf '{"input": %s, "own": "%s", "attempt": "%s"}' "$(cat $SMBCOPILOT_INPUT)" $OWN $SMBCOPILOT_ATTEMPT > $SMBCOPILOT_OUTPUT"#;
    assert_eq!(run_shell(&mut host, script), Outcome::Ok { value });
    // The next step finds none of these files.
    assert_eq!(run_shell(&mut host, "ls -A $HOME"), Outcome::Ok { value: json!({"stdout": ""}) });
    let id = host.start_step(
        Action::Container {
            command: vec!["echo".into(), "a b".into()],
            args: vec!["$HOME".into()],
            working_dir: None,
        },
        json!(null),
        Secrets::default(),
    );
    assert_eq!(host.wait_for_end(id).outcome, Some(Outcome::Ok { value: json!({"stdout": "a b $HOME"}) }));
}

/// A program starts in an empty directory that it can write to, or in the directory of the image that the step names.
#[test]
fn a_program_starts_in_a_writable_directory_or_in_the_named_one() {
    let mut host = start_host("directories");
    let script = r#"touch here && ls && [ "$PWD" = "$HOME" ] && [ "$PWD" = "$TMPDIR" ]"#;
    assert_eq!(run_shell(&mut host, script), Outcome::Ok { value: json!({"stdout": "here"}) });
    let mut run_in = |directory: &str| {
        let (command, working_dir) = (vec!["pwd".into()], Some(directory.to_owned()));
        let action = Action::Container { command, args: Vec::new(), working_dir };
        let id = host.start_step(action, json!(null), Secrets::default());
        host.wait_for_end(id).outcome
    };
    assert_eq!(run_in("/etc"), Some(Outcome::Ok { value: json!({"stdout": "/etc"}) }));
    match run_in("/no/such/directory") {
        Some(Outcome::NoCommand { message }) => assert!(message.contains("/no/such/directory"), "{message}"),
        other => panic!("{other:?}"),
    }
}

/// Exit codes, signals and invalid outputs have different outcomes.
#[test]
fn every_kind_of_end_has_its_own_outcome() {
    let mut host = start_host("ends");
    let step = run(&mut host, &["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!((step.lines.len(), step.outcome), (2, Some(Outcome::Exit { code: 3, out_of_memory: false })));
    assert_eq!(run_shell(&mut host, "exit 127"), Outcome::Exit { code: 127, out_of_memory: false });
    assert_eq!(run_shell(&mut host, "kill -SEGV $$"), Outcome::Signal { number: 11 });
    assert_eq!(run_shell(&mut host, "true"), Outcome::Ok { value: json!({"stdout": ""}) });
    let assert_bad_output = |outcome, part: &str| match outcome {
        Outcome::BadOutput { message } => assert!(message.contains(part), "{message}"),
        other => panic!("{other:?}"),
    };
    assert_bad_output(run_shell(&mut host, "echo '{' > $SMBCOPILOT_OUTPUT"), "not JSON");
    assert_bad_output(run_shell(&mut host, "mkfifo $SMBCOPILOT_OUTPUT"), "not a regular file");
    assert_bad_output(run_shell(&mut host, "truncate -s 20M $SMBCOPILOT_OUTPUT"), "20971520 bytes");
}

/// The error for a command that cannot be executed has the command and the reason.
#[test]
fn a_command_that_cannot_be_executed_is_named_with_the_reason() {
    let mut host = start_host("typo");
    for (command, reason) in [
        ("no-such-tool", "no such program in its PATH"),
        ("/no/such/tool", "the image lacks the file"),
        ("/etc/passwd", "is not permitted to execute"),
    ] {
        match run(&mut host, &[command]).outcome {
            Some(Outcome::NoCommand { message }) => {
                assert!(message.contains(reason) && message.contains(command), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A program receives SIGTERM and can clean up; after the grace period it is killed with all its processes.
#[test]
fn a_program_is_terminated_and_then_killed_with_its_processes() {
    let mut host = start_host("kill");
    let graceful = start(
        &mut host,
        &["sh", "-c", "trap 'exit 7' TERM; echo on; while :; do sleep 0.1; done"],
        json!(null),
    );
    assert_eq!(host.next_line(), "on");
    host.send(&Request::Kill { id: graceful, grace_ms: 10_000 });
    assert_eq!(host.wait_for_end(graceful).outcome, Some(Outcome::Exit { code: 7, out_of_memory: false }));

    let stubborn =
        start(&mut host, &["sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; wait"], json!(null));
    let child = host.next_line().parse().unwrap();
    host.send(&Request::Kill { id: stubborn, grace_ms: 50 });
    assert_eq!(host.wait_for_end(stubborn).outcome, Some(Outcome::Signal { number: 9 }));
    wait_for(|| (!is_alive(child)).then_some(()));
}

/// The program copies itself into a directory, replaces an older copy, and runs from there.
#[test]
fn the_program_installs_itself() {
    let directory = std::env::temp_dir().join(format!("smb-install-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for _ in 0..2 {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_step-host"))
            .arg("install")
            .arg(&directory)
            .status()
            .unwrap();
        assert!(status.success());
    }
    let refused = std::process::Command::new(directory.join("step-host")).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SMBCOPILOT_SOCKET"));
    std::fs::remove_dir_all(directory).unwrap();
}
