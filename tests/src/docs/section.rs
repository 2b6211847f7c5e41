//! Generated sections of a page: what a test has executed, between `<!-- begin NAME -->` and `<!-- end NAME -->`.

use std::fs;

use anyhow::{Context as _, ensure};

use super::page::root;

/// Checks that a section of a page is what a test has executed.
///
/// # Errors
/// Returns an error with the new text if the section is another one, and an error if the page has no such section.
pub fn check(page: &str, name: &str, executed: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join(page)).with_context(|| page.to_owned())?;
    let found = section(&text, name).with_context(|| format!("{page} has no section {name}"))?;
    let executed = executed.trim();
    ensure!(found == executed, "the section {name} of {page} must be replaced by:\n{executed}\n");
    Ok(())
}

fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<!-- begin {name} -->"))?;
    Some(rest.split_once(&format!("<!-- end {name} -->"))?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section is the text between its marks.
    #[test]
    fn a_section_is_found_by_its_name() {
        let page = "a\n<!-- begin one -->\nb\n<!-- end one -->\n<!-- begin two -->\nc\n<!-- end two -->\n";
        assert_eq!(
            (section(page, "one"), section(page, "two"), section(page, "three")),
            (Some("b"), Some("c"), None)
        );
    }
}
