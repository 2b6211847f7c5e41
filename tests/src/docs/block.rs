//! Blocks of code on a Markdown page.
//!
//! | first line of the block | execution |
//! | --- | --- |
//! | ` ```yaml ` | manifests, which are applied with kubectl; runs are created in a dry run |
//! | ` ```yaml steps ` | steps, which are placed in a workflow and applied |
//! | ` ```yaml hello.yaml ` | content of a file, in any language, which commands of the page use |
//! | ` ```sh ` | a shell script, which must succeed |
//! | ` ```console ` | commands after `$ `, and lines that each of them must print |
//! | ` ```text not executed: REASON ` | none |
//!
//! Any other block is an error, so that no block is left out by mistake.

use anyhow::{Context as _, bail, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::commands::{Command, console, script};

/// Block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Number of its first line, starting at 1.
    pub line: usize,
    /// Language, such as `yaml`.
    pub language: String,
    /// Way in which it is executed.
    pub kind: Kind,
    /// Text between the fences.
    pub text: String,
}

/// Way in which a block is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Manifests are applied.
    Manifests,
    /// Steps are placed in a workflow, which is applied.
    Steps,
    /// The text is written to a file with this name.
    File(String),
    /// Commands are executed, one after the other.
    Commands(Vec<Command>),
    /// The block is not executed, for the reason that it states.
    NotExecuted,
}

/// Returns the blocks of a page in their order.
///
/// # Errors
/// Returns an error if a block is not marked as one of the kinds.
pub fn blocks(page: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut text = String::new();
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let line = page.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
                open = Some((line, mark(&kind, line)?));
            }
            Event::Text(part) if open.is_some() => text.push_str(&part),
            Event::End(TagEnd::CodeBlock) => {
                let (line, mark) = open.take().context("the end of a block without its start")?;
                let text = std::mem::take(&mut text);
                blocks.push(block(line, &mark, text).with_context(|| format!("line {line}"))?);
            }
            _ => {}
        }
    }
    Ok(blocks)
}

/// Returns the text after the opening fence.
fn mark(kind: &CodeBlockKind<'_>, line: usize) -> anyhow::Result<String> {
    match kind {
        CodeBlockKind::Fenced(mark) => Ok(mark.trim().to_owned()),
        CodeBlockKind::Indented => bail!("line {line}: put the indented block between fences (```)"),
    }
}

fn block(line: usize, mark: &str, text: String) -> anyhow::Result<Block> {
    let (language, rest) = mark.split_once(' ').unwrap_or((mark, ""));
    let kind = match (language, rest) {
        (_, rest) if rest.starts_with("not executed:") => {
            ensure!(rest.trim() != "not executed:", "state the reason after `not executed:`");
            Kind::NotExecuted
        }
        ("yaml", "") => Kind::Manifests,
        ("yaml", "steps") => Kind::Steps,
        ("sh", "") => Kind::Commands(script(&text)),
        ("console", "") => Kind::Commands(console(&text)?),
        (language, name) if !language.is_empty() && is_file_name(name) => Kind::File(name.to_owned()),
        _ => bail!(
            "the block is marked as {mark:?}: mark it as `yaml`, `yaml steps`, `yaml FILE.yaml`, `sh`, `console`, or `LANGUAGE not executed: REASON`"
        ),
    };
    Ok(Block { line, language: language.to_owned(), kind, text })
}

/// Returns whether a word is the name of a file with an extension, without a folder.
fn is_file_name(name: &str) -> bool {
    name.contains('.') && !name.starts_with('.') && !name.contains(['/', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(page: &str) -> Vec<Kind> {
        blocks(page).unwrap().into_iter().map(|block| block.kind).collect()
    }

    /// The text after the opening fence of a code block determines the kind of the block.
    #[test]
    fn marks_are_parsed() {
        let page = "# Title\n```yaml\na: 1\n```\n- item\n  ```yaml steps\n  - name: b\n  ```\n\n```python step.py\npass\n```\n```text not executed: a diagram\n-->\n```\n";
        let expected = [Kind::Manifests, Kind::Steps, Kind::File("step.py".to_owned()), Kind::NotExecuted];
        assert_eq!(kinds(page), expected);
        let found = blocks(page).unwrap();
        assert_eq!((found[0].line, found[1].line, found[1].text.as_str()), (2, 6, "- name: b\n"));
    }

    /// A block without a mark is an error that names its line, and so is a block that gives no reason.
    #[test]
    fn unmarked_blocks_are_errors() {
        for page in [
            "a\n```\nb\n```\n",
            "a\n\n    b\n",
            "```yaml other words\n```\n",
            "```sh not executed:\n```\n",
            "``` x.y\n```\n",
        ] {
            let error = format!("{:#}", blocks(page).unwrap_err());
            assert!(error.contains("line "), "{page:?}: {error}");
        }
    }
}
