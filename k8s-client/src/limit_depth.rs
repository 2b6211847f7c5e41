//! Truncation of JSON text that is nested too deep to be parsed.

/// Replaces values that are nested too deep in JSON text with `null`, chunk by chunk. The API server stores
/// 10,000 levels, but its clients parse 127: without truncation, one deeper object would prevent all objects
/// of its kind from being listed.
#[derive(Clone, Debug)]
pub(crate) struct DepthLimiter {
    max_levels: usize,
    depth: usize,
    state: LexerState,
}

/// Position of the lexer relative to JSON strings, in which brackets do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LexerState {
    OutsideString,
    InString,
    AfterBackslash,
}

impl DepthLimiter {
    /// Returns a limiter for one JSON text that preserves `max_levels` levels.
    pub(crate) fn new(max_levels: usize) -> Self {
        Self { max_levels, depth: 0, state: LexerState::OutsideString }
    }

    /// Truncates the next chunk; returns `None` if the chunk remains unchanged.
    pub(crate) fn limit_chunk(&mut self, chunk: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for (index, byte) in chunk.iter().enumerate() {
            let before = self.depth;
            self.advance(*byte);
            let is_too_deep = before.max(self.depth) > self.max_levels;
            if is_too_deep && changed.is_none() {
                changed = Some(chunk.get(..index).unwrap_or_default().to_vec());
            }
            match &mut changed {
                Some(changed) if !is_too_deep => changed.push(*byte),
                Some(changed) if before == self.max_levels => changed.extend(b"null"),
                _ => {}
            }
        }
        changed
    }

    fn advance(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (LexerState::AfterBackslash, _) => LexerState::InString,
            (LexerState::InString, b'\\') => LexerState::AfterBackslash,
            (LexerState::InString, b'"') => LexerState::OutsideString,
            (LexerState::InString, _) => LexerState::InString,
            (LexerState::OutsideString, b'"') => LexerState::InString,
            (LexerState::OutsideString, b'{' | b'[') => {
                self.depth += 1;
                LexerState::OutsideString
            }
            (LexerState::OutsideString, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                LexerState::OutsideString
            }
            (LexerState::OutsideString, _) => LexerState::OutsideString,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn limit(text: &str, levels: usize, chunk_size: usize) -> String {
        let mut limiter = DepthLimiter::new(levels);
        let chunks = text.as_bytes().chunks(chunk_size);
        let bytes: Vec<u8> =
            chunks.flat_map(|chunk| limiter.limit_chunk(chunk).unwrap_or_else(|| chunk.to_vec())).collect();
        String::from_utf8(bytes).unwrap()
    }

    /// Values that are nested too deep become `null`, and all other text is unchanged.
    #[test]
    fn deep_values_become_null_and_all_else_is_unchanged() {
        let text = r#"{"a": [1, {"b": "]}\"", "c": []}, "]"], "d": {}}"#;
        for chunk_size in [1, 2, 7, 100] {
            assert_eq!(limit(text, 4, chunk_size), text);
            assert_eq!(limit(text, 3, chunk_size), r#"{"a": [1, {"b": "]}\"", "c": null}, "]"], "d": {}}"#);
            assert_eq!(limit(text, 2, chunk_size), r#"{"a": [1, null, "]"], "d": {}}"#);
            assert_eq!(limit(text, 1, chunk_size), r#"{"a": null, "d": null}"#);
        }
        let events = "{\"a\": [[1]]}\n{\"b\": [1]}\n";
        assert_eq!(limit(events, 2, 3), "{\"a\": [null]}\n{\"b\": [1]}\n");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<i32>().prop_map(Value::from), "[\\[\\]{}\"\\\\a]{0,6}".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a{\"]{0,3}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn truncate(value: &Value, levels: usize) -> Value {
        match value {
            Value::Array(_) | Value::Object(_) if levels == 0 => Value::Null,
            Value::Array(items) => items.iter().map(|item| truncate(item, levels - 1)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (name.clone(), truncate(field, levels - 1))).collect()
            }
            other => other.clone(),
        }
    }

    proptest! {
        /// The result is valid JSON: the value, truncated below the given level, however the text is split.
        #[test]
        fn limited_text_is_the_truncated_value(value in value(), levels in 0_usize..6, chunk in 1_usize..20) {
            let limited: Value = serde_json::from_str(&limit(&value.to_string(), levels, chunk)).unwrap();
            prop_assert_eq!(limited, truncate(&value, levels));
        }
    }
}
