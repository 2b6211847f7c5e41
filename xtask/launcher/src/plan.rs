//! The plan of `cargo xtask up`: what will be installed and built, with the time it takes.

use std::ffi::OsString;
use std::path::Path;

use xtask_launcher::packages::{Need, missing};

/// Programs of the workspace that the images contain.
const PROGRAMS: [&str; 5] = ["operator", "api-server", "document-parser", "runner", "step-host"];

/// Returns the plan if the command is `up` and its options belong together; `xtask` reports those that do not. `folder` is where cargo writes programs of the profile `dev`.
pub(crate) fn plan(arguments: &[OsString], folder: &Path) -> Option<String> {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if !has("up") || has("--help") || has("-h") {
        return None;
    }
    let has_option = |name: &str| {
        arguments.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(name))
    };
    let existing_cluster = has_option("--context");
    if existing_cluster != has_option("--registry") {
        return None;
    }
    let need = if existing_cluster { Need::Registry } else { Need::Node };
    let local = folder.parent()?.join("local");
    let state = State {
        packages: missing(&[need]),
        xtask: folder.join("xtask").exists(),
        go: local.join("smb-kube").exists() && local.join("helm").exists(),
        rust: PROGRAMS.iter().all(|name| local.join("bin").join(name).exists()),
    };
    Some(text(&state, existing_cluster))
}

/// What the machine and the target directory have already.
struct State {
    /// Debian packages that are not installed.
    packages: Vec<&'static str>,
    /// Whether each was built before. What is out of date is built again all the same, which takes less time.
    xtask: bool,
    go: bool,
    rust: bool,
}

/// Returns one line for each part that takes more than some seconds. The times are those of two cores.
fn text(state: &State, existing_cluster: bool) -> String {
    let mut lines = Vec::new();
    if !state.xtask {
        lines.push("build xtask, the program behind all commands: about 20 s".to_owned());
    }
    if !state.packages.is_empty() {
        lines.push(format!("install with apt-get: {}", state.packages.join(" ")));
    }
    if !state.go {
        lines.push("build with Go: smb-kube (a one-node Kubernetes) and helm: about 7 min".to_owned());
    }
    if !state.rust {
        lines.push(format!("build with cargo: {}: about 4 min", PROGRAMS.join(", ")));
        lines.push("build container images of Debian packages and these programs".to_owned());
    }
    lines.push(match existing_cluster {
        true => "push the images, install the product and the example, run a workflow".to_owned(),
        false => {
            "start Kubernetes, install the product and the example, run a workflow: about 20 s".to_owned()
        }
    });
    let mut text = "cargo xtask up will\n".to_owned();
    for (number, line) in (1..).zip(lines) {
        text.push_str(&format!("  {number}. {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(built: bool, packages: Vec<&'static str>) -> State {
        State { packages, xtask: built, go: built, rust: built }
    }

    /// The plan of a fresh clone names everything that will be installed and built.
    #[test]
    fn the_plan_of_a_fresh_clone_names_every_part() {
        let plan = text(&state(false, vec!["containerd", "mold"]), false);
        for part in
            ["xtask", "containerd mold", "smb-kube", "operator, api-server", "images", "start Kubernetes"]
        {
            assert!(plan.contains(part), "{part} is missing in {plan}");
        }
    }

    /// The plan names nothing that is already there.
    #[test]
    fn the_plan_of_a_built_checkout_has_one_line() {
        let plan = text(&state(true, vec![]), false);
        assert!(plan.contains("1. start Kubernetes") && !plan.contains("2."), "{plan}");
    }

    /// Other commands print their own output alone, which shells evaluate, and a wrong command line has no plan.
    #[test]
    fn only_up_has_a_plan() {
        for arguments in [
            &["env"][..],
            &["up", "--help"],
            &["token", "--role", "admin"],
            &["up", "--context", "kind"],
            &["up", "--registry=localhost:5000"],
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(plan(&arguments, Path::new("/target/debug")), None);
        }
    }
}
