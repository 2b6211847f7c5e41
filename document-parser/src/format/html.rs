//! HTML: converted to Markdown.

use std::rc::Rc;

use htmd::HtmlToMarkdown;
use html5ever::driver::parse_document;
use html5ever::tendril::{StrTendril, TendrilSink as _};
use markup5ever_rcdom::{Node, RcDom};

use super::markdown;
use crate::content::Content;
use crate::error::Error;

/// Maximum number of elements within each other. The converter recurses; pages have about 40 levels.
const MAX_DEPTH: usize = 400;
/// Bytes that are parsed before the depth is checked. The time for a piece grows with the depth.
const PIECE_BYTES: usize = 4096;
/// Maximum number of nodes. A page of 10 MB has about 500,000.
const MAX_NODES: usize = 2_000_000;
/// Elements that are no text.
const SKIPPED_TAGS: [&str; 10] =
    ["script", "style", "noscript", "template", "svg", "head", "iframe", "object", "img", "canvas"];

/// Returns the text of an HTML document as Markdown. Links and images are reduced to their text.
///
/// # Errors
/// Returns an error if the elements are too many or nested too deeply.
pub(super) fn extract(html: &str) -> Result<Content, Error> {
    let mut content = Content::default();
    content.describe("title", title(html).as_deref());
    content.describe("language", language(html).as_deref());
    let markdown = to_markdown(html)?;
    let section = markdown::section(markdown);
    let heading = section.headings.first().map(|heading| heading.title.clone());
    if !content.metadata.contains_key("title") {
        content.describe("title", heading.as_deref());
    }
    content.sections.push(section);
    Ok(content)
}

/// Converts HTML to Markdown.
///
/// # Errors
/// Returns an error if the elements are too many or nested too deeply.
pub(super) fn to_markdown(html: &str) -> Result<String, Error> {
    let converter = HtmlToMarkdown::builder().skip_tags(SKIPPED_TAGS.to_vec()).build();
    let tree = tree(html)?;
    check(&tree)?;
    Ok(crate::encoding::normalize(&converter.tree_to_markdown(&tree)))
}

/// Parses HTML, as long as its elements are not nested too deeply. For each element the parser reads the list of those around it.
fn tree(html: &str) -> Result<Rc<Node>, Error> {
    let mut parser = parse_document(RcDom::default(), html5ever::ParseOpts::default());
    let mut remaining = html;
    while !remaining.is_empty() {
        let (piece, others) = remaining.split_at(remaining.floor_char_boundary(PIECE_BYTES));
        parser.process(StrTendril::from(piece));
        remaining = others;
        if depth_of_last(&parser.tokenizer.sink.sink.document) > MAX_DEPTH {
            return Err(too_deep());
        }
    }
    Ok(parser.finish().document)
}

/// Returns the depth of the last node of a tree.
fn depth_of_last(tree: &Rc<Node>) -> usize {
    let last = |node: &Rc<Node>| node.children.borrow().last().cloned();
    std::iter::successors(last(tree), last).count()
}

fn too_deep() -> Error {
    Error::Corrupt(format!("its HTML has more than {MAX_DEPTH} nested elements"))
}

/// Checks the size of a tree without recursion.
fn check(tree: &Rc<Node>) -> Result<(), Error> {
    let mut pending = vec![(Rc::clone(tree), 0_usize)];
    let mut nodes = 0_usize;
    while let Some((node, depth)) = pending.pop() {
        nodes += 1;
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if nodes > MAX_NODES {
            return Err(Error::TooManyParts { parts: "elements", limit: MAX_NODES });
        }
        pending.extend(node.children.borrow().iter().map(|child| (Rc::clone(child), depth + 1)));
    }
    Ok(())
}

/// Returns the text of the first `title` element.
fn title(html: &str) -> Option<String> {
    let start = find_ignoring_case(html, "<title")?;
    let (_, inner) = html.get(start..)?.split_once('>')?;
    let inner = inner.get(..find_ignoring_case(inner, "</title")?)?;
    // The entities of the text are decoded, and all else is escaped.
    htmd::convert(&format!("<pre>{}</pre>", inner.replace('<', "&lt;")))
        .ok()
        .map(|text| text.trim().trim_matches('`').trim().to_owned())
}

/// Returns the attribute `lang` of the root element.
fn language(html: &str) -> Option<String> {
    let tag = html.get(find_ignoring_case(html, "<html")?..)?.split('>').next()?;
    let value = tag.get(find_ignoring_case(tag, " lang=")?..)?.split_once('=')?.1;
    let language: String = value
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|character| character.is_ascii_alphanumeric() || *character == '-')
        .take(35)
        .collect();
    Some(language)
}

/// Returns the offset of the first occurrence of an ASCII text in the beginning of a document.
fn find_ignoring_case(text: &str, pattern: &str) -> Option<usize> {
    const MAX_OFFSET: usize = 64 * 1024;
    let bytes = text.as_bytes();
    let start = bytes.get(..MAX_OFFSET).unwrap_or(bytes);
    start.windows(pattern.len()).position(|window| window.eq_ignore_ascii_case(pattern.as_bytes()))
}
