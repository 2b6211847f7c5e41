//! Headers of a response.

use std::collections::BTreeMap;

use encoding_rs::mem::decode_latin1;
use http::HeaderMap;

/// Header whose values cannot be joined, since they contain commas.
const SET_COOKIE: &str = "set-cookie";

/// Returns all values of each header by lower-case name, in the order of the response. Values that are not UTF-8 are
/// read as ISO-8859-1, the historical charset of headers.
pub(super) fn all_values(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let text = std::str::from_utf8(value.as_bytes())
            .map_or_else(|_| decode_latin1(value.as_bytes()).into_owned(), str::to_owned);
        values.entry(name.as_str().to_owned()).or_default().push(text);
    }
    values
}

/// Returns one text for each header: its values joined with `, `, or the first one of `set-cookie`.
pub(super) fn joined(values: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let join = |name: &str, values: &[String]| match values {
        [first, ..] if name == SET_COOKIE => first.clone(),
        values => values.join(", "),
    };
    values.iter().map(|(name, values)| (name.clone(), join(name, values))).collect()
}
