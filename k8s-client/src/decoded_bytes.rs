//! Estimate of the memory that JSON text takes once it is decoded, without decoding it.
//!
//! Text of `{"":0}` takes a hundred times its size, since an object with one member has a node for eleven. The estimate is an
//! upper bound for a `serde_json::Value`; a typed object takes less, apart from some KiB for each step of a workflow.

/// Memory of an element of a list, in bytes: a vector that has just grown has room for twice its elements.
const ELEMENT_BYTES: usize = 2 * 32;
/// Memory of the first four elements of a list, for which a vector has room from the start, in bytes.
const LIST_BYTES: usize = 4 * 32;
/// Memory of a node with up to eleven members of an object, and its share of the nodes above it, in bytes.
const NODE_BYTES: usize = 700;
/// Number of members of the first node of an object.
const MEMBERS_OF_FIRST_NODE: usize = 11;
/// Minimum number of members of each node of a larger object.
const MIN_MEMBERS_OF_NODE: usize = 5;
/// Memory of an allocation in addition to its content, and the minimum of both together, in bytes.
const ALLOCATION_BYTES: usize = 16;
const MIN_ALLOCATION_BYTES: usize = 32;

/// Returns the maximum memory that JSON text takes once it is decoded, in bytes. Takes a few milliseconds for a MiB.
#[must_use]
pub fn decoded_bytes(text: &[u8]) -> usize {
    let mut meter = Meter::default();
    for byte in text {
        meter.advance(*byte);
    }
    meter.bytes
}

/// Reader of JSON text that adds up the memory of its values.
#[derive(Default)]
struct Meter {
    bytes: usize,
    /// Lists and objects that have not ended.
    open: Vec<Open>,
    state: State,
}

/// A list, or an object with its number of members so far.
enum Open {
    List { is_empty: bool },
    Object { members: usize },
}

#[derive(Default)]
enum State {
    #[default]
    OutsideString,
    InString {
        length: usize,
        after_backslash: bool,
    },
}

impl Meter {
    fn advance(&mut self, byte: u8) {
        match &mut self.state {
            State::OutsideString => self.advance_outside(byte),
            State::InString { length, after_backslash } => match byte {
                b'"' if !*after_backslash => {
                    let length = *length;
                    self.state = State::OutsideString;
                    self.charge_string(length);
                }
                _ => {
                    *after_backslash = byte == b'\\' && !*after_backslash;
                    *length += 1;
                }
            },
        }
    }

    fn advance_outside(&mut self, byte: u8) {
        if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b']') {
            self.charge_first_element();
        }
        match byte {
            b'"' => self.state = State::InString { length: 0, after_backslash: false },
            b'[' => self.open.push(Open::List { is_empty: true }),
            b'{' => self.open.push(Open::Object { members: 0 }),
            b']' | b'}' => drop(self.open.pop()),
            b',' if matches!(self.open.last(), Some(Open::List { .. })) => self.bytes += ELEMENT_BYTES,
            b':' => self.charge_member(),
            _ => {}
        }
    }

    /// Charges the memory of a list when its first element begins.
    fn charge_first_element(&mut self) {
        if let Some(Open::List { is_empty }) = self.open.last_mut()
            && std::mem::take(is_empty)
        {
            self.bytes += LIST_BYTES;
        }
    }

    fn charge_member(&mut self) {
        let Some(Open::Object { members }) = self.open.last_mut() else { return };
        *members += 1;
        let beyond_first = members.checked_sub(MEMBERS_OF_FIRST_NODE + 1);
        if *members == 1 || beyond_first.is_some_and(|beyond| beyond % MIN_MEMBERS_OF_NODE == 0) {
            self.bytes += NODE_BYTES;
        }
    }

    fn charge_string(&mut self, length: usize) {
        if length > 0 {
            self.bytes += (length + ALLOCATION_BYTES).max(MIN_ALLOCATION_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of value is charged for what it takes: a node for each object, slots for elements, text for strings.
    #[test]
    fn each_kind_of_value_is_charged() {
        for (text, bytes) in [
            ("0", 0),
            ("[]", 0),
            ("[ ]", 0),
            ("{}", 0),
            ("[0]", LIST_BYTES),
            ("[[], {}, \"\"]", LIST_BYTES + 2 * ELEMENT_BYTES),
            ("{\"\": 0}", NODE_BYTES),
            ("{\"a\\\"b:,[{\": \"123456789012345678\"}", NODE_BYTES + 32 + 34),
            ("{\"\": {\"\": [1]}}", 2 * NODE_BYTES + LIST_BYTES),
        ] {
            assert_eq!(decoded_bytes(text.as_bytes()), bytes, "{text}");
        }
    }

    /// An object has a node for its first eleven members, and one for each five beyond them.
    #[test]
    fn an_object_has_a_node_for_some_members() {
        let object = |members: usize| {
            let members: Vec<_> = (0..members).map(|_| "\"\":0").collect();
            decoded_bytes(format!("{{{}}}", members.join(",")).as_bytes()) / NODE_BYTES
        };
        assert_eq!([0, 1, 11, 12, 16, 17].map(object), [0, 1, 1, 2, 2, 3]);
    }

    /// Tiny objects take a hundred times their text, and a list of numbers at most thirty-two times.
    #[test]
    fn tiny_objects_take_a_hundred_times_their_text() {
        let list = |element: &str| format!("[{}]", vec![element; 100_000].join(","));
        let factor = |text: String| decoded_bytes(text.as_bytes()) / text.len();
        assert_eq!(factor(list("{\"\":0}")), (NODE_BYTES + ELEMENT_BYTES) / 7);
        assert_eq!(factor(list("0")), 32);
    }
}
