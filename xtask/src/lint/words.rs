//! The words of names. `xtask/lints/words.txt` lists those that are not used here, with what to write instead.

use std::path::Path;

use anyhow::{Context, bail};

use super::source::{self, Token};

/// The list, in the repository.
const LIST: &str = "xtask/lints/words.txt";

/// Returns one line for each name of a module, type, function or constant that has a listed word.
///
/// # Errors
/// Returns an error if the list or a source file cannot be read.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let rules = Rules::parse(&source::read(&root.join(LIST))?)?;
    let mut violations = Vec::new();
    for file in source::files(root)? {
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        violations.extend(file_name(&path).and_then(|name| rules.violation(&path, 1, name)));
        let text = source::read(&file)?;
        let names = definitions(&source::tokens(&text));
        violations.extend(names.iter().filter_map(|name| rules.violation(&path, name.line, name.text)));
    }
    Ok(violations)
}

/// Returns the name of the module that a file holds.
fn file_name(path: &str) -> Option<&str> {
    let path = path.strip_suffix("/mod.rs").unwrap_or(path);
    let name = path.rsplit('/').next()?.trim_end_matches(".rs");
    (!["main", "lib", "build"].contains(&name)).then_some(name)
}

/// Returns the names that a file defines.
fn definitions<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    const KEYWORDS: [&str; 8] = ["mod", "fn", "struct", "enum", "trait", "type", "const", "static"];
    let mut names = Vec::new();
    for (position, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        let before =
            position.checked_sub(1).and_then(|before| tokens.get(before)).map_or("", |token| token.text);
        let is_name = name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let is_definition = KEYWORDS.contains(&keyword.text)
            && !["fn", "mut", "unsafe", "async", "extern", "_"].contains(&name.text)
            // `*const T` is a type, `r#type` and `.type` are names.
            && !["*", "#", "."].contains(&before);
        if is_name && is_definition {
            names.push(*name);
        }
    }
    names
}

/// The names that a rule applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Anywhere in a name.
    Part,
    /// A name that consists of it.
    Name,
    /// A constant that consists of it.
    Constant,
}

struct Rule {
    scope: Scope,
    /// The words, in lower case; several are one after the other in the name.
    words: Vec<String>,
    /// Words that are accepted although they contain those above; empty if there are none.
    exception: Vec<String>,
    replacement: String,
}

/// The parsed list.
struct Rules {
    rules: Vec<Rule>,
    /// Names that are allowed, each in the files whose path begins with the text.
    allowed: Vec<(String, String)>,
}

impl Rules {
    fn parse(list: &str) -> anyhow::Result<Self> {
        let (mut rules, mut allowed) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(list.lines()) {
            let context = || format!("{LIST}:{number}: failed to parse {line:?}");
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (left, right) = line.split_once(':').with_context(context)?;
            let (kind, name) = left.trim().split_once(' ').with_context(context)?;
            let (name, right) = (name.trim(), right.trim().to_owned());
            let (words, exception) = name.split_once(" except ").unwrap_or((name, ""));
            let rule = |scope| Rule {
                scope,
                words: split(words),
                exception: split(exception),
                replacement: right.clone(),
            };
            match kind {
                "part" => rules.push(rule(Scope::Part)),
                "name" => rules.push(rule(Scope::Name)),
                "constant" => rules.push(rule(Scope::Constant)),
                "allow" => allowed.push((name.to_owned(), right)),
                _ => bail!("{LIST}:{number}: {kind:?} is none of part, name, constant and allow"),
            }
        }
        Ok(Self { rules, allowed })
    }

    fn violation(&self, path: &str, line: usize, name: &str) -> Option<String> {
        let words = split(name);
        let allowed =
            |(allowed, prefix): &(String, String)| allowed == name && path.starts_with(prefix.as_str());
        let rule = self.rules.iter().find(|rule| rule.matches(name, &words))?;
        let message = format!(
            "{path}:{line}: {name}: instead of {:?} write {}",
            rule.words.join("_"),
            rule.replacement
        );
        (!self.allowed.iter().any(allowed)).then_some(message)
    }
}

impl Rule {
    fn matches(&self, name: &str, words: &[String]) -> bool {
        let is_constant = !name.contains(|c: char| c.is_lowercase());
        let contains = |part: &[String]| words.windows(part.len().max(1)).any(|window| window == part);
        match self.scope {
            Scope::Constant => is_constant && words == self.words,
            Scope::Name => words == self.words,
            Scope::Part => contains(&self.words) && !contains(&self.exception),
        }
    }
}

/// Splits a name at underscores and at the humps of camel case, in lower case.
fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || c == '-' || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# comment\npart kick: a reconcile request\npart give_back: release\nname act: execute\n\
        part fan except fan_out: fan_out\nconstant WAIT: _INTERVAL\nallow put: objects/\nname put: apply\n";

    fn violations(path: &str, source: &str) -> Vec<String> {
        let rules = Rules::parse(LIST).unwrap();
        let names = definitions(&source::tokens(source));
        names.iter().filter_map(|name| rules.violation(path, name.line, name.text)).collect()
    }

    /// A listed word is found in every kind of name, and the message says what to write instead.
    #[test]
    fn a_listed_word_is_refused_with_its_replacement() {
        for source in [
            "struct KickSender;",
            "fn send_kick() {}",
            "const MAX_KICK: u8 = 1;",
            "mod kick;",
            "fn give_back()",
            "const WAIT: u8 = 1;",
        ] {
            assert_eq!(violations("a.rs", source).len(), 1, "{source}");
        }
        let message = violations("operator/src/a.rs", "\n\nfn send_kick() {}").remove(0);
        assert_eq!(message, "operator/src/a.rs:3: send_kick: instead of \"kick\" write a reconcile request");
    }

    /// Names that contain a listed word only as a part of another word, uses of names, and comments are accepted.
    #[test]
    fn other_names_are_accepted() {
        for source in [
            "fn kickoff() {}",
            "fn react() {}",
            "fn act_on() {}",
            "// fn kick()\nlet x = kick();",
            "fn fan_out_items()",
            "fn wait()",
        ] {
            assert_eq!(violations("a.rs", source), Vec::<String>::new(), "{source}");
        }
    }

    /// A word that is listed as a complete name is refused as such, but not where it is allowed.
    #[test]
    fn a_name_is_allowed_where_the_list_says_so() {
        assert_eq!(violations("a.rs", "fn act()").len(), 1);
        assert_eq!(violations("a.rs", "fn put()").len(), 1);
        assert_eq!(violations("objects/a.rs", "fn put()").len(), 0);
    }

    /// The name of a file is the name of a module.
    #[test]
    fn files_are_modules() {
        let names = ["a/kicks.rs", "a/kick/mod.rs", "a/src/main.rs"].map(file_name);
        assert_eq!(names, [Some("kicks"), Some("kick"), None]);
    }
}
