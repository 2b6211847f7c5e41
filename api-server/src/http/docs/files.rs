//! The files that the pages load. `swagger-ui` contains files of the npm package `swagger-ui-dist`, unchanged; see its README.

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Returns the media type and the content of a file.
pub(super) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "start.js" => Some((SCRIPT, include_str!("start.js"))),
        "swagger-ui-bundle.js" => Some((SCRIPT, include_str!("swagger-ui/swagger-ui-bundle.js"))),
        "swagger-ui.css" => Some((STYLE, include_str!("swagger-ui/swagger-ui.css"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    const README: &str = include_str!("swagger-ui/README.md");

    /// The files of Swagger UI are those whose digests its README names, so that a change of them is noticed.
    #[test]
    fn the_files_of_swagger_ui_are_unchanged() {
        for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
            let (_, content) = find(name).unwrap();
            let digest = hex::encode(Sha256::digest(content));
            assert!(README.contains(&format!("| `{name}` | `{digest}` |")), "{name}: {digest}");
        }
    }
}
