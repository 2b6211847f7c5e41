//! Selection of fields in JSON text, chunk by chunk.

use super::{Fields, lexer::ValueLexer, shorten::Shortener};

/// Fields to keep of the current value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    fields: Fields,
    /// Whether the value is an object of the API, or a list or an event that contains such objects.
    is_document: bool,
}

impl Rule {
    const ALL: Self = Self { fields: Fields::All, is_document: false };

    /// Returns the rule for a member of an object.
    fn member(self, name: &[u8]) -> Self {
        let Fields::Only(named) = self.fields else { return self };
        let found = named.iter().find(|(field, _)| field.as_bytes() == name);
        match found {
            Some((_, fields)) => Self { fields: *fields, is_document: false },
            None if !self.is_document => Self { fields: Fields::None, is_document: false },
            // The objects of a list, and the object of an event of a watch.
            None if matches!(name, b"items" | b"object") => self,
            None => Self::ALL,
        }
    }
}

/// An object or a list of which some fields are kept, and which has not ended.
#[derive(Clone, Copy, Debug)]
enum Open {
    Object { rule: Rule, has_members: bool },
    List { rule: Rule },
}

#[derive(Debug)]
enum State {
    /// Before a value.
    Value(Rule),
    /// Within a value that is not selected field by field.
    Opaque { content: Content, lexer: ValueLexer },
    /// Before the name of a member, or the end of an object.
    Member,
    /// Within the name of a member.
    Name { text: Vec<u8>, after_backslash: bool },
    /// Between the name of a member and its value.
    Colon(Vec<u8>),
    /// After a value inside an object or a list.
    AfterValue,
}

/// Selected content of a value that is not selected field by field.
#[derive(Clone, Copy, Debug)]
enum Content {
    Selected,
    Removed,
    /// The size of the text so far, in bytes.
    Measured(usize),
    /// The beginning of a string.
    Shortened(Shortener),
    /// The text, as a string.
    Quoted,
}

/// Selects fields in JSON text: one document, or one per line.
pub(super) struct TextSelector {
    document: Rule,
    open: Vec<Open>,
    state: State,
    selected: Vec<u8>,
}

impl TextSelector {
    /// Returns a selector that keeps these fields of each object.
    pub(super) fn new(fields: Fields) -> Self {
        let document = Rule { fields, is_document: true };
        Self { document, open: Vec::new(), state: State::Value(document), selected: Vec::new() }
    }

    /// Returns the selected text of the next chunk.
    pub(super) fn select_chunk(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            rest = if let State::Opaque { content, lexer } = &mut self.state {
                let (value, after) = rest.split_at(lexer.scan(rest));
                match content {
                    Content::Selected => self.selected.extend_from_slice(value),
                    Content::Removed => {}
                    Content::Measured(bytes) => *bytes += value.len(),
                    Content::Shortened(shortener) => shortener.copy(value, &mut self.selected),
                    Content::Quoted => quote(value, &mut self.selected),
                }
                if lexer.has_ended() {
                    match content {
                        Content::Measured(bytes) => {
                            self.selected.extend_from_slice(bytes.to_string().as_bytes());
                        }
                        Content::Quoted => self.selected.push(b'"'),
                        Content::Selected | Content::Removed | Content::Shortened(_) => {}
                    }
                    self.state = State::AfterValue;
                }
                after
            } else if self.advance(*byte) {
                after
            } else {
                rest
            };
        }
        std::mem::take(&mut self.selected)
    }

    /// Processes a byte outside of values of which all or nothing is selected. Returns false if the byte is the first one
    /// of such a value.
    fn advance(&mut self, byte: u8) -> bool {
        match &mut self.state {
            State::Value(rule) => {
                let rule = *rule;
                return self.begin_value(rule, byte);
            }
            State::Member => self.begin_member(byte),
            State::Name { text, after_backslash } => match byte {
                b'"' if !*after_backslash => self.state = State::Colon(std::mem::take(text)),
                _ => {
                    *after_backslash = byte == b'\\' && !*after_backslash;
                    text.push(byte);
                }
            },
            State::Colon(name) if byte == b':' => {
                let name = std::mem::take(name);
                self.begin_member_value(&name);
            }
            State::AfterValue => self.end_value(byte),
            State::Colon(_) | State::Opaque { .. } => {}
        }
        true
    }

    fn begin_value(&mut self, rule: Rule, byte: u8) -> bool {
        let is_selected = matches!(rule.fields, Fields::Only(_));
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                // The events of a watch are separated by line feeds.
                if self.open.is_empty() {
                    self.selected.push(byte);
                }
            }
            b']' if matches!(self.open.last(), Some(Open::List { .. })) => self.close(byte),
            b'{' if is_selected => self.begin(Open::Object { rule, has_members: false }, byte, State::Member),
            b'[' if is_selected => self.begin(Open::List { rule }, byte, State::Value(rule)),
            _ => {
                let content = match rule.fields {
                    Fields::None => Content::Removed,
                    Fields::Size => Content::Measured(0),
                    Fields::Text(bytes) => Content::Shortened(Shortener::new(bytes)),
                    Fields::Json => {
                        self.selected.push(b'"');
                        Content::Quoted
                    }
                    Fields::All | Fields::Only(_) => Content::Selected,
                };
                self.state = State::Opaque { content, lexer: ValueLexer::default() };
                return false;
            }
        }
        true
    }

    fn begin(&mut self, open: Open, byte: u8, state: State) {
        self.open.push(open);
        self.selected.push(byte);
        self.state = state;
    }

    fn begin_member(&mut self, byte: u8) {
        match byte {
            b'"' => self.state = State::Name { text: Vec::new(), after_backslash: false },
            b'}' => self.close(byte),
            _ => {}
        }
    }

    fn begin_member_value(&mut self, name: &[u8]) {
        let Some(Open::Object { rule, has_members }) = self.open.last_mut() else { return };
        let member = rule.member(name);
        if member.fields != Fields::None {
            if std::mem::replace(has_members, true) {
                self.selected.push(b',');
            }
            self.selected.push(b'"');
            self.selected.extend_from_slice(name);
            self.selected.extend_from_slice(b"\":");
        }
        self.state = State::Value(member);
    }

    fn end_value(&mut self, byte: u8) {
        match (byte, self.open.last()) {
            (b',', Some(Open::Object { .. })) => self.state = State::Member,
            (b',', Some(Open::List { rule })) => {
                self.state = State::Value(*rule);
                self.selected.push(byte);
            }
            (b'}' | b']', _) => self.close(byte),
            _ => {}
        }
    }

    fn close(&mut self, byte: u8) {
        self.open.pop();
        self.selected.push(byte);
        self.state = if self.open.is_empty() { State::Value(self.document) } else { State::AfterValue };
    }
}

/// Appends a part of a JSON text as a part of a string. Line breaks and tabs are only between its tokens, and mean as much as a
/// space there.
fn quote(part: &[u8], quoted: &mut Vec<u8>) {
    for byte in part {
        match byte {
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
            b'\n' | b'\r' | b'\t' => quoted.push(b' '),
            _ => quoted.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const FIELDS: Fields = Fields::Only(&[
        ("metadata", Fields::Only(&[("name", Fields::All), ("continue", Fields::All)])),
        (
            "spec",
            Fields::Only(&[
                ("steps", Fields::Only(&[("a", Fields::All)])),
                ("input", Fields::None),
                ("size", Fields::Size),
                ("text", Fields::Text(4)),
                ("json", Fields::Json),
            ]),
        ),
        ("data", Fields::None),
    ]);

    fn select(text: &str, chunk_size: usize) -> String {
        let mut selector = TextSelector::new(FIELDS);
        let chunks = text.as_bytes().chunks(chunk_size);
        String::from_utf8(chunks.flat_map(|chunk| selector.select_chunk(chunk)).collect()).unwrap()
    }

    /// Lists, events of watches and refusals keep their shape, and each object in them keeps the selected fields.
    #[test]
    fn objects_keep_the_selected_fields_wherever_they_are() {
        let object = r#"{"kind": "Run", "metadata": {"labels": {"a": "]"}, "name": "x\"}"}, "data": [1, {}], "spec": {"input": {"a": [0]}, "steps": [{"b": 2, "a": {"b": 1}}, {}]}}"#;
        let selected =
            json!({"kind": "Run", "metadata": {"name": "x\"}"}, "spec": {"steps": [{"a": {"b": 1}}, {}]}});
        for size in [1, 3, 1000] {
            assert_eq!(serde_json::from_str::<Value>(&select(object, size)).unwrap(), selected);
            let list = select(
                &format!(
                    r#"{{"metadata": {{"continue": "t", "selfLink": ""}}, "items": [{object}, {object}]}}"#
                ),
                size,
            );
            let expected = json!({"metadata": {"continue": "t"}, "items": [selected, selected]});
            assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), expected);
            let events = select(&format!("{{\"type\": \"ADDED\", \"object\": {object}}}\n{object}\n"), size);
            let lines: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines, [json!({"type": "ADDED", "object": selected}), selected.clone()]);
            let refusal =
                r#"{"kind":"Status","metadata":{},"status":"Failure","details":{"kind":"runs"},"code":404}"#;
            assert_eq!(select(refusal, size), refusal);
        }
    }

    /// A value of which only the size is selected is replaced with the number of bytes of its text.
    #[test]
    fn the_size_of_a_value_is_its_number_of_bytes() {
        for value in ["{\"a\": [0, 1]}", "12", "\"é]\"", "null", "[]"] {
            for size in [1, 3, 1000] {
                let selected = select(&format!("{{\"spec\": {{\"size\": {value} , \"steps\": 1}}}}"), size);
                assert_eq!(selected, format!("{{\"spec\":{{\"size\":{},\"steps\":1}}}}", value.len()));
            }
        }
    }

    /// A value of which the text is selected is replaced with a string of that text, however it is received.
    #[test]
    fn the_text_of_a_value_is_a_string_that_can_be_decoded() {
        for value in [r#"{"a": [0, {"": "\\é\"]"}]}"#, "12", r#""\u00e9]""#, "null", "[]", "{\n\t\"a\":\r1}"]
        {
            for size in [1, 3, 1000] {
                let selected = select(&format!("{{\"spec\": {{\"json\": {value} , \"steps\": 1}}}}"), size);
                let selected: Value = serde_json::from_str(&selected).unwrap();
                let text = selected["spec"]["json"].as_str().unwrap();
                assert_eq!(text, value.replace(['\n', '\t', '\r'], " "));
                assert_eq!(selected["spec"]["steps"], 1);
            }
        }
    }

    /// A long string is shortened between characters and outside of escapes, however it is received.
    #[test]
    fn a_long_string_is_shortened_between_characters() {
        let cases = [
            (r#""abcd""#, r#""abcd""#),
            (r#""abcde""#, r#""abcd…""#),
            (r#""abcüx""#, r#""abcü…""#),
            (r#""abc\"x\"""#, r#""abc\"…""#),
            (r#""a\\\\bcdef""#, r#""a\\\\…""#),
            (r#""\u00e9\ud83d\ude00xyz""#, r#""\u00e9\ud83d\ude00…""#),
            ("12345", "12345"),
            ("[\"abcdef\"]", "[\"abcdef\"]"),
        ];
        for (value, expected) in cases {
            for size in [1, 2, 1000] {
                let selected = select(&format!("{{\"spec\":{{\"text\":{value},\"steps\":1}}}}"), size);
                assert_eq!(selected, format!("{{\"spec\":{{\"text\":{expected},\"steps\":1}}}}"));
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            "[\\[\\]{},:\"\\\\a ]{0,6}".prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("metadata".to_owned()),
            Just("spec".to_owned()),
            Just("steps".to_owned()),
            Just("input".to_owned()),
            Just("items".to_owned()),
            Just("a".to_owned()),
            "[a{\"\\\\]{0,3}",
        ];
        leaf.prop_recursive(6, 60, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn selected(value: &Value, rule: Rule) -> Value {
        match value {
            Value::Array(items) if matches!(rule.fields, Fields::Only(_)) => {
                items.iter().map(|item| selected(item, rule)).collect()
            }
            Value::Object(members) if matches!(rule.fields, Fields::Only(_)) => {
                let kept = members.iter().filter_map(|(name, member)| {
                    let rule = rule.member(name.as_bytes());
                    (rule.fields != Fields::None).then(|| (name.clone(), selected(member, rule)))
                });
                Value::Object(kept.collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        /// The result is valid JSON with exactly the selected fields, however the text is split and indented.
        #[test]
        fn the_result_is_the_selected_value(value in value(), chunk in 1_usize..20, pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let result: Value = serde_json::from_str(&select(&text.unwrap(), chunk)).unwrap();
            prop_assert_eq!(result, selected(&value, Rule { fields: FIELDS, is_document: true }));
        }
    }
}
