//! JSON text that is not nested too deep to be read.

/// Puts `null` for what is nested too deep in JSON text, piece by piece. The API server stores 10,000 levels, its
/// clients read 127: one such object, and none of its kind could be listed any more.
#[derive(Clone, Debug)]
pub(crate) struct Flattener {
    levels: usize,
    depth: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    InString,
    AfterBackslash,
}

impl Flattener {
    /// For text of which so many levels are to stay.
    pub(crate) fn new(levels: usize) -> Self {
        Self { levels, depth: 0, place: Place::Outside }
    }

    /// The next piece as it is to be read; none where it can stay as it is.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        let mut kept: Option<Vec<u8>> = None;
        for (at, byte) in piece.iter().enumerate() {
            let before = self.depth;
            self.step(*byte);
            let is_too_deep = before.max(self.depth) > self.levels;
            if is_too_deep && kept.is_none() {
                kept = Some(piece.get(..at).unwrap_or_default().to_vec());
            }
            match &mut kept {
                Some(kept) if !is_too_deep => kept.push(*byte),
                Some(kept) if before == self.levels => kept.extend(b"null"),
                _ => {}
            }
        }
        kept
    }

    fn step(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::AfterBackslash, _) => Place::InString,
            (Place::InString, b'\\') => Place::AfterBackslash,
            (Place::InString, b'"') => Place::Outside,
            (Place::InString, _) => Place::InString,
            (Place::Outside, b'"') => Place::InString,
            (Place::Outside, b'{' | b'[') => {
                self.depth += 1;
                Place::Outside
            }
            (Place::Outside, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                Place::Outside
            }
            (Place::Outside, _) => Place::Outside,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn flat(text: &str, levels: usize, piece: usize) -> String {
        let mut flattener = Flattener::new(levels);
        let pieces = text.as_bytes().chunks(piece);
        let bytes: Vec<u8> =
            pieces.flat_map(|piece| flattener.piece(piece).unwrap_or_else(|| piece.to_vec())).collect();
        String::from_utf8(bytes).unwrap()
    }

    /// One deep value hides or breaks what stands beside it.
    #[test]
    fn what_is_too_deep_is_null_and_all_else_stays() {
        let text = r#"{"a": [1, {"b": "]}\"", "c": []}, "]"], "d": {}}"#;
        for piece in [1, 2, 7, 100] {
            assert_eq!(flat(text, 4, piece), text);
            assert_eq!(flat(text, 3, piece), r#"{"a": [1, {"b": "]}\"", "c": null}, "]"], "d": {}}"#);
            assert_eq!(flat(text, 2, piece), r#"{"a": [1, null, "]"], "d": {}}"#);
            assert_eq!(flat(text, 1, piece), r#"{"a": null, "d": null}"#);
        }
        let events = "{\"a\": [[1]]}\n{\"b\": [1]}\n";
        assert_eq!(flat(events, 2, 3), "{\"a\": [null]}\n{\"b\": [1]}\n");
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

    fn cut(value: &Value, levels: usize) -> Value {
        match value {
            Value::Array(_) | Value::Object(_) if levels == 0 => Value::Null,
            Value::Array(items) => items.iter().map(|item| cut(item, levels - 1)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, it)| (name.clone(), cut(it, levels - 1))).collect()
            }
            other => other.clone(),
        }
    }

    proptest! {
        /// Text comes out that is no JSON, or says something else than what went in.
        #[test]
        fn flat_text_is_the_value_cut_off(value in value(), levels in 0_usize..6, piece in 1_usize..20) {
            let flat: Value = serde_json::from_str(&flat(&value.to_string(), levels, piece)).unwrap();
            prop_assert_eq!(flat, cut(&value, levels));
        }
    }
}
