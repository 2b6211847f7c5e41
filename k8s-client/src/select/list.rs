//! Text of a list of objects, of which one object at a time is decoded, and of the members of an object.

use super::{Fields, lexer::ValueLexer, text::TextSelector};

/// Returns the text of a list without its objects: its metadata.
#[must_use]
pub fn without_items(list: &str) -> Vec<u8> {
    TextSelector::new(Fields::Only(&[("items", Fields::None)])).select_chunk(list.as_bytes())
}

/// Returns the text of each object in the text of a list.
pub fn list_items(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = items(list).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_separator);
        if rest.is_empty() || rest.starts_with(']') {
            return None;
        }
        let (item, after) = split_value(rest)?;
        rest = after;
        Some(item)
    })
}

/// Returns the text of a member of an object, or `None` if there is none of this name.
#[must_use]
pub fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    split_value(find(object, name)?).map(|(value, _)| value)
}

/// Returns the text after the opening bracket of the field `items`.
fn items(list: &str) -> Option<&str> {
    find(list, "items")?.strip_prefix('[')
}

/// Returns the text from the beginning of the value of a member.
fn find<'t>(object: &'t str, member: &str) -> Option<&'t str> {
    let mut rest = object.trim_start().strip_prefix('{')?;
    loop {
        let (name, after) = split_value(rest.trim_start_matches(is_separator))?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        if name.trim_matches('"') == member {
            return Some(value);
        }
        rest = split_value(value)?.1;
    }
}

fn is_separator(character: char) -> bool {
    character == ',' || character.is_ascii_whitespace()
}

/// Splits text after the value at its beginning.
fn split_value(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(ValueLexer::default().scan(text.as_bytes())).filter(|(value, _)| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Each object of a list is found, whatever it contains, and the rest of the list remains.
    #[test]
    fn each_object_of_a_list_is_found() {
        let objects = [json!({"items": [1], "a": "],\"}"}), json!({}), json!({"b": [{}, "é"]})];
        let list = json!({"apiVersion": "v1", "items": objects, "metadata": {"continue": "x", "n": 1}});
        for text in [list.to_string(), serde_json::to_string_pretty(&list).unwrap()] {
            let found: Vec<Value> =
                list_items(&text).map(|item| serde_json::from_str(item).unwrap()).collect();
            assert_eq!(found, objects);
            let rest: Value = serde_json::from_slice(&without_items(&text)).unwrap();
            assert_eq!(rest, json!({"apiVersion": "v1", "metadata": {"continue": "x", "n": 1}}));
        }
        let event = r#"{"type": "ADDED", "object" : {"a": "}"} }"#;
        assert_eq!(
            (member(event, "type"), member(event, "object")),
            (Some("\"ADDED\""), Some(r#"{"a": "}"}"#))
        );
        assert_eq!((member(event, "a"), member("[]", "type")), (None, None));
        for empty in ["{}", "{\"items\": []}", "{\"items\":null,\"a\":1}", "[]", ""] {
            assert_eq!(list_items(empty).count(), 0, "{empty}");
        }
    }
}
