//! Tests that the documentation names: a file, or a folder, and after a colon the functions in it.

use std::{collections::BTreeSet, fs, path::Path};

use super::page::{files, root};

/// Tests that a page names, as file or folder and function.
fn named_tests(page: &str) -> BTreeSet<(String, String)> {
    // Every second part is code.
    let parts: Vec<&str> = page.split('`').collect();
    let mut found = BTreeSet::new();
    for (index, path) in parts.iter().enumerate().filter(|(index, _)| index % 2 == 1) {
        let is_path = path.contains('/') && !path.contains(' ') && !path.contains('…');
        let mut separator = index + 1;
        let mut expected = ": ";
        while is_path && parts.get(separator) == Some(&expected) {
            let Some(name) = parts.get(separator + 1).filter(|name| is_function(name)) else { break };
            found.insert(((*path).to_owned(), (*name).to_owned()));
            (separator, expected) = (separator + 2, ", ");
        }
    }
    found
}

fn is_function(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Returns whether a file, or a file in a folder, has a function with this name.
fn exists(path: &Path, name: &str) -> bool {
    let has = |file: &Path| fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {name}(")));
    if path.is_dir() {
        files(path, "rs").is_ok_and(|files| files.iter().any(|file| has(file)))
    } else {
        has(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file and the functions after it are found, and other code is not.
    #[test]
    fn a_file_is_followed_by_its_tests() {
        let page =
            "`tests/a.rs`: `one_is_two`, `three`; `tests/b`: `four_is_five`: `six_seven` and `tests/c.rs`.";
        let expected = [("tests/a.rs", "one_is_two"), ("tests/b", "four_is_five")];
        assert_eq!(named_tests(page), expected.map(|(path, name)| (path.to_owned(), name.to_owned())).into());
    }

    /// Each of the ten risks of OWASP's list is met by something that a test proves.
    #[test]
    fn each_risk_of_owasp_has_tests() {
        let page = fs::read_to_string(root().join("docs/security/owasp.md")).unwrap();
        let sections: Vec<_> = page.split("\n## API").skip(1).collect();
        assert_eq!(sections.len(), 10);
        for (index, section) in sections.into_iter().enumerate() {
            assert!(section.starts_with(&format!("{}: ", index + 1)), "{section}");
            let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
            for row in rows {
                assert!(!named_tests(row).is_empty(), "no test: {row}");
            }
        }
    }

    /// Every test that a page names exists.
    #[test]
    fn named_tests_exist() {
        let mut found = 0;
        let mut missing = Vec::new();
        for page in files(&root(), "md").unwrap() {
            for (path, name) in named_tests(&fs::read_to_string(&page).unwrap()) {
                found += 1;
                if !exists(&root().join(&path), &name) {
                    missing.push(format!("{}: {path}: {name}", page.display()));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
        assert!(found > 100, "only {found} tests are named");
    }
}
