//! The check of Python code against Python itself: it refuses no code that Python accepts.
//!
//! Each snippet is also judged by the `python3` of this machine. Without one, the tests say so and judge nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod judge;
mod snippets;

use domain::python::{Mistake, check};

use judge::Judge;

/// Number of files of the standard library that are checked.
const LIBRARY_FILES: usize = 400;
/// Maximum length of the code of a step, in characters.
const MAX_CODE: usize = 65_536;

fn syntax_mistakes(code: &str) -> Vec<Mistake> {
    check(code).into_iter().filter(|mistake| matches!(mistake, Mistake::Syntax { .. })).collect()
}

/// Tricky code that Python accepts is accepted.
#[test]
fn tricky_code_is_accepted() {
    for code in snippets::VALID {
        assert_eq!(syntax_mistakes(code), [], "{code}");
    }
    let Some(judge) = Judge::find() else { return };
    for (code, is_valid) in snippets::VALID.iter().zip(judge.accepts(snippets::VALID)) {
        assert!(is_valid, "this Python does not accept {code}");
    }
}

/// Code that Python refuses is refused, with a position.
#[test]
fn code_that_python_refuses_is_refused() {
    for code in snippets::INVALID {
        assert_ne!(syntax_mistakes(code), [], "{code}");
    }
    let Some(judge) = Judge::find() else { return };
    for (code, is_valid) in snippets::INVALID.iter().zip(judge.accepts(snippets::INVALID)) {
        assert!(!is_valid, "this Python accepts {code}");
    }
}

/// The standard library is accepted.
#[test]
fn the_standard_library_is_accepted() {
    let Some(judge) = Judge::find() else { return };
    let files: Vec<String> = judge.library().into_iter().filter(|code| code.len() <= MAX_CODE).collect();
    assert!(files.len() > 50, "{} files", files.len());
    let step = files.len().div_ceil(LIBRARY_FILES);
    let sample: Vec<&str> = files.iter().step_by(step).map(String::as_str).collect();
    let refused: Vec<&str> = sample.into_iter().filter(|code| !syntax_mistakes(code).is_empty()).collect();
    for (code, is_valid) in refused.iter().zip(judge.accepts(&refused)) {
        assert!(!is_valid, "{:?} in {code}", syntax_mistakes(code));
    }
}
