//! `/docs/problems`: the page that the `type` of a problem leads to.

use crate::problem::Code;

const STYLE: &str = "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em;line-height:1.5}\
                     dt{font-weight:bold;margin-top:1em}:target{background:#ff9}";

/// Returns the page with all codes.
pub(super) fn page() -> String {
    let entries: String = Code::ALL.iter().copied().map(entry).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>SMB Copilot: problem codes</title>\
         <style>{STYLE}</style></head>\n<body><h1>Problem codes</h1>\n<p>The <code>code</code> of an error response, its status, \
         its meaning, and what to do. More codes may be added.</p>\n<dl>\n{entries}</dl>\n</body></html>\n"
    )
}

fn entry(code: Code) -> String {
    let (name, status) = (code.as_str(), code.status().as_u16());
    let (title, meaning, action) =
        (code.title(), code_elements(code.meaning()), code_elements(code.action()));
    format!("<dt id=\"{name}\"><code>{name}</code> · {status} · {title}</dt>\n<dd>{meaning} {action}</dd>\n")
}

/// Returns HTML for a text in which code is between backticks. The texts are our own and have no other markup.
fn code_elements(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code is marked up, and the text around it stays.
    #[test]
    fn code_between_backticks_is_marked_up() {
        assert_eq!(code_elements("Send `If-Match` again."), "Send <code>If-Match</code> again.");
    }
}
