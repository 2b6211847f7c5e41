//! Paths of fields in Kubernetes objects, such as `spec.steps[2].when`, as JSON pointers into the body of a request.

/// Returns the JSON pointer for the path of a field. The fields of `spec` and `metadata` are at the root of a body; a path that
/// does not begin with one of them concerns the whole body.
pub(super) fn pointer(path: &str) -> String {
    let path = path.trim_start_matches('.');
    let rest = ["spec", "metadata"].into_iter().find_map(|root| path.strip_prefix(root));
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    rest.map(segments).unwrap_or_default().iter().map(|segment| format!("/{}", escape(segment))).collect()
}

/// Returns the JSON pointer for the names of nested fields and the indexes of list items.
pub(super) fn from_segments<S: AsRef<str>>(segments: &[S]) -> String {
    segments.iter().map(|segment| format!("/{}", escape(segment.as_ref()))).collect()
}

/// Splits the rest of a path, such as `.steps[2].when` or `.headers[X-Shop]`.
fn segments(mut rest: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let (segment, next) = match rest.strip_prefix('[') {
            Some(bracket) => bracket.split_once(']').unwrap_or((bracket, "")),
            None => {
                let name = rest.trim_start_matches('.');
                name.split_at(name.find(['.', '[']).unwrap_or(name.len()))
            }
        };
        let segment = segment.trim_matches('"');
        if !segment.is_empty() {
            segments.push(segment);
        }
        rest = next;
    }
    segments
}

/// Escapes a name in a JSON pointer (RFC 6901).
fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path of the operator and of the API server becomes a pointer to the field of the request.
    #[test]
    fn paths_become_pointers() {
        for (path, expected) in [
            ("spec.steps[2].when", "/steps/2/when"),
            ("spec", ""),
            ("metadata.name", "/name"),
            ("spec.steps[0].http.headers[X-Shop].x", "/steps/0/http/headers/X-Shop/x"),
            (".spec.input.schema", "/input/schema"),
            ("spec.steps[0].with[\"a/b\"]", "/steps/0/with/a~1b"),
            ("specification.x", ""),
            ("<nil>", ""),
            ("", ""),
            ("spec.steps[", "/steps"),
        ] {
            assert_eq!(pointer(path), expected, "{path}");
        }
    }

    proptest::proptest! {
        /// Every text is converted.
        #[test]
        fn any_text_is_converted(path in "(spec)?[.\\[\\]\"a-z0-9]{0,20}") {
            let converted = pointer(&path);
            proptest::prop_assert!(converted.is_empty() || converted.starts_with('/'));
        }
    }
}
