//! The same decisions as Cedar, another engine for policies, on random policies and requests.
//!
//! Cedar is executed from its Python package, which `cargo xtask test unit` downloads: as a dependency, it would add minutes to each build.
//! Without the package, the test says so and compares nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::indexing_slicing)]

mod random;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use domain::{
    permission::{Permission, Permissions},
    policy::{Grants, PolicySpec, Source, SourcedPolicy},
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use random::{OwnedResource, policies, request, resource};

/// Environment variable with the folder of the Python package `cedarpy`.
const PACKAGES: &str = "SMBCOPILOT_TEST_CEDAR_PYTHONPATH";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cedar/compare.py");
/// Sets of policies, and questions about each of them: 100,800 decisions.
const SETS: usize = 4_200;
const QUESTIONS: usize = 24;
/// Any seed is right; a fixed one makes a failure repeatable.
const SEED: u64 = 13;

fn grants(specs: &[PolicySpec]) -> Grants {
    let sourced = |spec: &PolicySpec| SourcedPolicy {
        source: Source { role: "role".to_owned(), role_name: "role".to_owned(), policy: None },
        policy: spec.validate().unwrap(),
    };
    Grants::new(specs.iter().map(sourced).collect())
}

fn described(resource: &OwnedResource) -> Value {
    match resource {
        OwnedResource::None => json!({"kind": "None"}),
        OwnedResource::Workflow(of) => {
            json!({"kind": "Workflow", "name": of.name, "labels": of.labels, "owner": of.owner})
        }
        OwnedResource::Document(of) => json!({"kind": "Document", "tags": of.tags, "owner": of.owner}),
    }
}

/// Returns a set of policies, and questions with our decisions.
fn case(random: &mut StdRng, permissions: &[Permission]) -> Value {
    let specs = policies(random);
    let grants = grants(&specs);
    let mut question = || {
        let (request, resource) = (request(random), resource(random));
        let permission = permissions[rand::RngExt::random_range(random, 0..permissions.len())];
        json!({
            "permission": permission.name(),
            "request": {"principal": request.principal, "address": request.address, "time": request.time, "mfa": request.mfa},
            "resource": described(&resource),
            "allowed": grants.allows(permission, &request, resource.get()),
        })
    };
    let questions: Vec<_> = (0..QUESTIONS).map(|_| question()).collect();
    json!({"policies": specs, "questions": questions})
}

/// Policies decide as Cedar does, whatever is allowed, denied, selected, required or unknown.
#[test]
fn policies_decide_as_cedar_does() {
    let Some(packages) = std::env::var_os(PACKAGES) else {
        eprintln!("not compared with Cedar: {PACKAGES} is not set");
        return;
    };
    let permissions: Vec<_> = Permissions::of_tenant().iter().collect();
    let names: Vec<_> = permissions.iter().map(|permission| permission.name()).collect();
    let mut random = StdRng::seed_from_u64(SEED);
    let mut input = json!(names).to_string();
    for _ in 0..SETS {
        input.push('\n');
        input.push_str(&case(&mut random, &permissions).to_string());
    }
    let mut program = Command::new("python3");
    program.arg(PROGRAM).env("PYTHONPATH", packages).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let output = String::from_utf8(output.stdout).unwrap();
    let different: Vec<_> = output.lines().filter(|line| line.starts_with("DIFFERENT")).collect();
    assert!(different.is_empty(), "{} decisions differ, such as {}", different.len(), different[0]);
    let end: Vec<_> = output.lines().last().unwrap().split(' ').collect();
    let (compared, allowed): (usize, usize) = (end[1].parse().unwrap(), end[2].parse().unwrap());
    assert_eq!(compared, SETS * QUESTIONS);
    eprintln!("{compared} decisions, {allowed} of which allow");
    // Neither answer is so rare that a mistake could hide.
    assert!((compared / 50..compared / 2).contains(&allowed), "{allowed}");
}
