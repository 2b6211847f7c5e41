//! Rust source files: where they are, and their tokens without comments and strings.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// Returns all Rust source files below a folder, sorted. Hidden folders and `target` are left out.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&path)?);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the content of a source file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

/// A word or a punctuation mark of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Number of the line, starting at 1.
    pub(super) line: usize,
}

/// Returns the tokens of a source text. Comments, strings, characters and lifetimes are left out; `::` is one token,
/// every other punctuation mark its own.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = token_length(rest, first);
            if !first.is_whitespace() {
                tokens.push(Token { text: rest.get(..length).unwrap_or(rest), line });
            }
            length
        });
        let (taken, following) = rest.split_at_checked(length).unwrap_or((rest, ""));
        line += taken.matches('\n').count();
        rest = following;
    }
    tokens
}

fn token_length(rest: &str, first: char) -> usize {
    if is_word(first) {
        return rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    }
    if rest.starts_with("::") { 2 } else { first.len_utf8() }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the comment, string, character or lifetime at the beginning of `rest`, if there is one.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return Some(comment.find("*/").map_or(rest.len(), |end| end + 4));
    }
    raw_string(rest).or_else(|| string(rest)).or_else(|| character(rest))
}

/// Recognises `r"…"`, `r#"…"#` and the like, also with a leading `b`.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = if rest.starts_with("br") { 2 } else { usize::from(rest.starts_with('r')) };
    let hashes = rest.get(prefix..)?.chars().take_while(|c| *c == '#').count();
    let body = prefix + hashes + 1;
    if prefix == 0 || rest.get(prefix + hashes..body)? != "\"" {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest.get(body..)?.find(&end).map_or(rest.len(), |at| body + at + end.len()))
}

fn string(rest: &str) -> Option<usize> {
    let body = if rest.starts_with("b\"") { 2 } else { usize::from(rest.starts_with('"')) };
    if body == 0 {
        return None;
    }
    let mut escaped = false;
    let end = rest.get(body..)?.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(end.map_or(rest.len(), |at| body + at + 1))
}

/// Recognises `'x'`, `'\n'` and lifetimes.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let mut characters = body.char_indices();
    let (_, first) = characters.next()?;
    if first == '\\' {
        return Some(body.get(2..)?.find('\'').map_or(rest.len(), |at| at + 4));
    }
    match characters.next() {
        Some((at, '\'')) => Some(at + 2),
        _ => Some(1 + body.find(|c| !is_word(c)).unwrap_or(body.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    /// Words in comments, strings and lifetimes are not code.
    #[test]
    fn comments_strings_and_lifetimes_are_left_out() {
        let source = "a // fn b\n/* fn c */ \"fn \\\" d\" r#\"fn \" e\"# b\"f\" 'g' '\\'' &'static h";
        assert_eq!(texts(source), ["a", "&", "h"]);
    }

    /// A path is read with its separators, and every token knows its line.
    #[test]
    fn tokens_know_their_line() {
        let found = tokens("use crate::a;\n\nfn b() {}");
        assert_eq!(texts("use crate::a;"), ["use", "crate", "::", "a", ";"]);
        assert_eq!(found.iter().find(|token| token.text == "b").unwrap().line, 3);
    }
}
