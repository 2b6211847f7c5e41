//! The layers of modules. `xtask/lints/layers.txt` lists the modules of a folder from top to bottom; a module may
//! import those below it, and nothing above or beside it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::source::{self, Token};

/// The list, in the repository.
const LIST: &str = "xtask/lints/layers.txt";

/// Returns one line for each import that does not lead downwards, and for each module that the list lacks or that does
/// not exist.
///
/// # Errors
/// Returns an error if the list or a source file cannot be read.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for section in parse(&source::read(&root.join(LIST))?)? {
        violations.extend(section.check(root)?);
    }
    Ok(violations)
}

/// The layers of one folder.
struct Section {
    /// Path of the folder in the repository, such as `operator/src/run`.
    folder: String,
    /// Number of each module's layer, starting at 0 for the top.
    layers: BTreeMap<String, usize>,
}

/// A path of the source text that leads from one module of a section to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: String,
    to: String,
    /// File and line of the path, such as `operator/src/run/mod.rs:3`.
    position: String,
}

fn parse(list: &str) -> anyhow::Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in (1..).zip(list.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(folder) = line.strip_suffix(':') {
            sections.push(Section { folder: folder.to_owned(), layers: BTreeMap::new() });
        } else if !line.is_empty() {
            let section = sections.last_mut();
            let section =
                section.with_context(|| format!("{LIST}:{number}: failed to find a folder above"))?;
            section.layers.extend(line.split_whitespace().map(|module| (module.to_owned(), number)));
        }
    }
    Ok(sections)
}

impl Section {
    fn check(&self, root: &Path) -> anyhow::Result<Vec<String>> {
        let folder = root.join(&self.folder);
        let source_root = self.folder.find("/src").map_or(0, |at| at + "/src".len());
        let (crate_folder, prefix) = self.folder.split_at_checked(source_root).unwrap_or((&self.folder, ""));
        let prefix: Vec<&str> = prefix.split('/').filter(|name| !name.is_empty()).collect();
        let (mut modules, mut imports, mut test_modules) = (Vec::new(), Vec::new(), Vec::new());
        for file in source::files(&folder)? {
            let path = file.strip_prefix(root.join(crate_folder)).unwrap_or(&file);
            let own = module_path(&path.to_string_lossy());
            let text = source::read(&file)?;
            let tokens = source::tokens(&text);
            let (code, declared) = without_tests(&tokens);
            test_modules.extend(declared.iter().map(|name| [own.as_slice(), &[(*name).to_owned()]].concat()));
            let Some(module) = own.get(prefix.len()).filter(|module| *module != "bin") else { continue };
            modules.push(module.clone());
            let position = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            for (target, line) in paths(code, &own) {
                let is_inside = target.iter().zip(&prefix).filter(|(a, b)| a == b).count() == prefix.len();
                let to = target.get(prefix.len()).filter(|to| is_inside && *to != module);
                let position = format!("{position}:{line}");
                let import = to.map(|to| Import { from: module.clone(), to: to.clone(), position });
                imports.extend(import.map(|import| (own.clone(), import)));
            }
        }
        let is_test = |own: &[String]| test_modules.iter().any(|test| own.starts_with(test));
        let is_test_module = |name: &String| {
            let own: Vec<String> =
                prefix.iter().map(|name| (*name).to_owned()).chain([name.clone()]).collect();
            is_test(&own)
        };
        modules.retain(|module| !is_test_module(module));
        modules.sort();
        modules.dedup();
        let imports =
            imports.into_iter().filter(|(own, import)| !is_test(own) && modules.contains(&import.to));
        Ok(self.violations(&modules, imports.map(|(_, import)| import)))
    }

    fn violations(&self, modules: &[String], imports: impl Iterator<Item = Import>) -> Vec<String> {
        let folder = &self.folder;
        let missing = modules.iter().filter(|module| !self.layers.contains_key(*module));
        let missing = missing.map(|module| format!("{folder}: {module} is not listed in {LIST}"));
        let stale = self.layers.keys().filter(|module| !modules.contains(module));
        let stale = stale.map(|module| format!("{folder}: {module} is listed in {LIST}, but does not exist"));
        let upward = imports.filter_map(|import| {
            let (from, to) = (self.layers.get(&import.from)?, self.layers.get(&import.to)?);
            let why = if from == to { "is in the same layer" } else { "is in a layer above" };
            let Import { from: module, to: other, position } = &import;
            (from >= to).then(|| format!("{position}: {module} imports {other}, which {why} ({LIST})"))
        });
        let mut violations: Vec<String> = missing.chain(stale).chain(upward).collect();
        violations.dedup();
        violations
    }
}

/// Returns the path of the module in a file: `run/observe/mod.rs` is `run`, `observe`. Empty for the root.
fn module_path(file: &str) -> Vec<String> {
    let file = file.trim_end_matches(".rs");
    let mut path: Vec<String> = file.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
        path.pop();
    }
    path
}

/// Splits off test modules: returns the tokens before the first module that only tests compile, and the names of such
/// modules in files of their own.
fn without_tests<'a, 'b>(tokens: &'b [Token<'a>]) -> (&'b [Token<'a>], Vec<&'a str>) {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut declared = Vec::new();
    for (at, window) in tokens.windows(ATTRIBUTE.len()).enumerate() {
        if !window.iter().map(|token| token.text).eq(ATTRIBUTE) {
            continue;
        }
        let item = tokens.get(at + ATTRIBUTE.len()..).unwrap_or_default();
        let Some(keyword) = item.iter().take(6).position(|token| token.text == "mod") else { continue };
        match (item.get(keyword + 1), item.get(keyword + 2)) {
            (Some(name), Some(end)) if end.text == ";" => declared.push(name.text),
            _ => return (tokens.get(..at).unwrap_or_default(), declared),
        }
    }
    (tokens, declared)
}

/// Returns the paths that begin with `crate` or `super`, from the root of the crate, each with its line.
fn paths(tokens: &[Token<'_>], own: &[String]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        let next = tokens.get(position + 1).map(|next| next.text);
        let before = position.checked_sub(1).and_then(|before| tokens.get(before)).map(|before| before.text);
        let begins = ["crate", "super"].contains(&token.text) && next == Some("::") && before != Some("::");
        if !begins {
            position += 1;
            continue;
        }
        let mut targets = Vec::new();
        position = tree(tokens, position, &[], &mut targets);
        found.extend(targets.iter().map(|target| (absolute(target, own), token.line)));
    }
    found
}

/// Reads one tree of a `use` item or a path from `position` on, and returns the position behind it.
fn tree(tokens: &[Token<'_>], mut position: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let text = |position: usize| tokens.get(position).map(|token| token.text);
    loop {
        match text(position) {
            Some("{") => {
                position += 1;
                while let Some(next) = text(position) {
                    if next == "}" {
                        break;
                    }
                    position = tree(tokens, position, &path, found);
                    // ` as name` and the comma.
                    while text(position).is_some_and(|next| next != "," && next != "}") {
                        position += 1;
                    }
                    position += usize::from(text(position) == Some(","));
                }
                return position + 1;
            }
            Some(word) => path.push(word.to_owned()),
            None => break,
        }
        position += 1;
        if text(position) != Some("::") {
            break;
        }
        position += 1;
    }
    found.push(path);
    position
}

/// Resolves the leading `crate` or `super`s of a path in the module `own`.
fn absolute(path: &[String], own: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let base = match supers {
        0 => &[],
        _ => own.get(..own.len().saturating_sub(supers)).unwrap_or_default(),
    };
    let rest = path.get(supers.max(1)..).unwrap_or_default();
    [base, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# top to bottom\noperator/src:\n  main run\n  context\n  clock\n";

    /// Checks the imports of one file against [`LIST`].
    fn violations(file: &str, source: &str) -> Vec<String> {
        let section = parse(LIST).unwrap().remove(0);
        let own = module_path(file);
        let tokens = source::tokens(source);
        let (code, _) = without_tests(&tokens);
        let imports = paths(code, &own).into_iter().filter_map(|(target, line)| {
            let (from, to) = (own.first()?.clone(), target.first()?.clone());
            (from != to).then_some(Import { from, to, position: format!("{file}:{line}") })
        });
        let modules: Vec<String> = section.layers.keys().cloned().collect();
        section.violations(&modules, imports)
    }

    /// A module imports what is below it, by whatever form of path.
    #[test]
    fn an_import_downwards_is_accepted() {
        for source in ["use crate::context::Context;", "use super::clock;", "fn f() { crate::clock::now(); }"]
        {
            assert_eq!(violations("run/mod.rs", source), Vec::<String>::new(), "{source}");
        }
    }

    /// An import of a module above or beside is refused, in groups and in expressions too; so no cycle can exist.
    #[test]
    fn an_import_upwards_is_refused() {
        for source in [
            "use crate::run::Run;",
            "use crate::{clock, run::{self, Run}};",
            "use crate::{clock::{a, b as c}, run};",
            "fn f() -> super::super::run::Run {}",
        ] {
            assert_eq!(violations("context/build.rs", source).len(), 1, "{source}");
        }
        let message = violations("context.rs", "\nuse super::run::Run;").remove(0);
        assert_eq!(
            message,
            "context.rs:2: context imports run, which is in a layer above (xtask/lints/layers.txt)"
        );
        assert_eq!(violations("run.rs", "use crate::main::Options;").len(), 1);
    }

    /// Tests may import anything.
    #[test]
    fn imports_of_tests_do_not_count() {
        let source = "use super::clock;\n#[cfg(test)]\nmod tests { use crate::run::Run; }";
        assert_eq!(violations("context.rs", source), Vec::<String>::new());
        let tokens = source::tokens("#[cfg(test)]\npub(crate) mod fixtures;\nuse crate::run::Run;");
        assert_eq!(without_tests(&tokens).1, ["fixtures"]);
    }

    /// The list names each module once; a new module gets its layer at once.
    #[test]
    fn a_module_that_is_not_listed_is_reported() {
        let section = parse(LIST).unwrap().remove(0);
        let modules = ["main", "run", "clock", "audit"].map(str::to_owned);
        let found = section.violations(&modules, std::iter::empty());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].contains("audit is not listed") && found[1].contains("context is listed"),
            "{found:?}"
        );
    }
}
