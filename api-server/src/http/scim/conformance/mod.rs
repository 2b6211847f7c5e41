//! Conformance to SCIM 2.0, as the public test suite scim2-tester checks it.
//!
//! The suite consists of Python packages, which `cargo xtask test postgres` downloads. Without them, the test says so and checks nothing.
#![allow(clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::Write as _,
    process::{Command, Stdio},
};

use serde::Deserialize;
use sqlx::PgPool;
use tokio::net::TcpListener;

use super::tests::Client;
use crate::http::testing::Server;

/// Environment variable with the folder of the Python packages.
const PACKAGES: &str = "SMBCOPILOT_TEST_SCIM_PYTHONPATH";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/scim/conformance/check.py");
/// Minimum number of checks that pass. The suite checks only the attributes that the schemas list, and ends early if it cannot read them.
const MIN_PASSED: usize = 60;

/// Check that does not pass, because it contradicts a decision or the suite does not follow the schema.
struct Exception {
    /// Resource type, function of the suite, and attribute.
    name: &'static str,
    /// Part of the result of the suite.
    result: &'static str,
    /// Why the check does not apply.
    reason: &'static str,
}

/// All checks that do not pass. One that passes has to be removed from the list: the test fails otherwise.
const EXCEPTIONS: [Exception; 6] = [
    Exception {
        name: "User search_with_attributes",
        result: "not supported by the server",
        reason: "searches by POST are optional, and not supported",
    },
    Exception {
        name: "Group search_with_attributes",
        result: "not supported by the server",
        reason: "searches by POST are optional, and not supported",
    },
    Exception {
        name: "User object_replacement",
        result: "an address cannot be changed",
        reason: "the suite changes `emails`, although the schema says that they are immutable",
    },
    Exception {
        name: "User check_remove_attribute active",
        result: "a user is active or not",
        reason: "a user always has a state, so that `active` can be replaced, and not removed",
    },
    Exception {
        name: "Group check_add_attribute members",
        result: "display='",
        reason: "the suite expects the members that it has sent, and they have the read-only attribute `display`, too",
    },
    Exception {
        name: "Group check_replace_attribute members",
        result: "display='",
        reason: "the suite expects the members that it has sent, and they have the read-only attribute `display`, too",
    },
];

/// Result of a check, as `check.py` prints it.
#[derive(Debug, Deserialize)]
struct CheckResult {
    name: String,
    status: String,
    reason: String,
}

/// Executes the suite. `address` is the host and port of the server.
fn check(packages: &OsStr, address: &str, key: &str) -> Vec<CheckResult> {
    let mut program = Command::new("python3");
    program.args([PROGRAM, address]).env("PYTHONPATH", packages);
    let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    program.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    let results = String::from_utf8(output.stdout).unwrap();
    results.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The service conforms to SCIM 2.0 by the checks of scim2-tester, except for those in the list.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_public_suite_finds_no_deviation(pool: PgPool) {
    let Some(packages) = std::env::var_os(PACKAGES) else {
        eprintln!("conformance to SCIM not checked: {PACKAGES} is not set");
        return;
    };
    let server = Server::start(&pool).await;
    let key = Client::admin(&server).await.key;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = server.router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let results = tokio::task::spawn_blocking(move || check(&packages, &address, &key)).await.unwrap();
    serving.abort();

    let listed = EXCEPTIONS.iter().map(|exception| (exception.name, exception));
    let mut exceptions: BTreeMap<_, _> = listed.collect();
    let (mut passed, mut unexpected) = (0, Vec::new());
    for result in &results {
        match result.status.as_str() {
            "SUCCESS" | "COMPLIANT" | "ACCEPTABLE" => passed += 1,
            _ => match exceptions.remove(result.name.as_str()) {
                Some(exception) if result.reason.contains(exception.result) => {}
                _ => unexpected.push(format!("{}: {}: {}", result.name, result.status, result.reason)),
            },
        }
    }
    assert!(unexpected.is_empty(), "{passed} checks passed, and these did not:\n{}", unexpected.join("\n"));
    let obsolete = exceptions.values().map(|exception| format!("{}: {}", exception.name, exception.reason));
    let obsolete: Vec<_> = obsolete.collect();
    assert!(obsolete.is_empty(), "these exceptions pass or do not exist:\n{}", obsolete.join("\n"));
    assert!(passed >= MIN_PASSED, "only {passed} checks passed: {results:?}");
    eprintln!("{passed} checks of scim2-tester passed, {} do not apply", EXCEPTIONS.len());
}
