use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{ERRORS, LIMITS, PROBLEMS};

/// Collects the source files under a folder, without tests and snapshots.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is readable").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "properties", "snapshots"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// Returns the string literals in the sources of a folder that look like a code; in-file tests are ignored.
fn literals(folder: &str, is_code: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root.join(folder), &mut files);
    files.push(root.join("expr/errors.rs"));
    assert!(files.len() > 5);
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("the file is readable"));
    let texts = texts.map(|text| text.split("#[cfg(test)]").next().unwrap_or_default().replace("\\\"", ""));
    texts
        .flat_map(|text| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|text| is_code(text))
        .collect()
}

/// The reference explains every code that the state machine and the validation use.
#[test]
fn every_code_is_documented() {
    let upper = |text: &str| {
        text.len() > 5 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
    };
    let errors: BTreeSet<&str> = ERRORS.iter().map(|(_, code, _)| *code).collect();
    let used = literals("run", upper);
    assert!(used.contains("STEP_TIMEOUT") && used.contains("EXPRESSION_FAILED"), "{used:?}");
    assert_eq!(
        used.iter().filter(|code| !errors.contains(code.as_str())).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );

    let camel = |text: &str| {
        text.len() > 4
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphabetic())
            && text.contains(|c: char| c.is_ascii_lowercase())
    };
    let problems: BTreeSet<&str> = PROBLEMS.iter().map(|(code, _)| *code).collect();
    let used = literals("workflow", camel);
    assert!(used.contains("Cycle") && used.contains("DynamicSteps"), "{used:?}");
    assert_eq!(
        used.iter().filter(|code| !problems.contains(code.as_str())).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        problems.iter().filter(|code| !used.contains(**code)).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}

/// The runner and the operator use documented codes only: clients branch on them, whichever program wrote
/// them.
#[test]
fn codes_of_runner_and_operator_are_documented() {
    let errors: BTreeSet<&str> = ERRORS.iter().map(|(_, code, _)| *code).collect();
    let mut files = Vec::new();
    for program in ["runner", "operator"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(program).join("src"), &mut files);
    }
    let mut unknown = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("the file is readable");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for after in text.split("ErrorKind::").skip(1) {
            // The pattern matches `ErrorKind::User, "CODE"`.
            let mut pieces = after.split('"');
            let (between, code) = (pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default());
            let is_pair = between.trim_end().ends_with(',')
                && between.trim_end().trim_end_matches(',').chars().all(char::is_alphabetic);
            let is_code = code.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            if is_pair && is_code && !errors.contains(code) {
                unknown.push(format!("{}: {code}", file.display()));
            }
        }
    }
    assert!(files.len() > 20 && unknown.is_empty(), "{unknown:?}");
}

/// The tables are sorted, have no duplicates, and consist of complete sentences.
#[test]
fn tables_are_sorted_and_complete() {
    assert!(PROBLEMS.is_sorted_by_key(|(code, _)| *code) && ERRORS.len() > 60);
    assert!(PROBLEMS.iter().all(|(_, meaning)| meaning.ends_with('.')));
    assert!(ERRORS.iter().all(|(kind, _, meaning)| {
        meaning.ends_with('.') && ["User", "Infra", "Timeout", "Schema", "Policy"].contains(kind)
    }));
    let codes: BTreeSet<_> = ERRORS.iter().map(|(_, code, _)| code).collect();
    assert_eq!(codes.len(), ERRORS.len(), "each code occurs once");
    assert!(LIMITS.iter().all(|limit| limit.max > 0));
}
