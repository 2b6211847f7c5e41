//! Encodings in which the value of a secret may appear in output.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Minimum length of a searched value in bytes. Shorter values occur by chance, and redacting them would reveal where
/// they are.
pub(super) const MIN_BYTES: usize = 8;

/// Characters, beside letters and digits, that percent encoding leaves as they are: by RFC 3986, in Python's `quote`, in
/// forms, and in JavaScript's `encodeURIComponent` and `encodeURI`.
const UNRESERVED: [&[u8]; 5] = [b"-._~", b"-._~/", b"*-._", b"-_.!~*'()", b"-_.!~*'();/?:@&=+$,#"];

/// Entities of the characters `"` and `'` in HTML, as different libraries write them. `&`, `<` and `>` have one each.
const QUOTES: [(&str, &str); 4] =
    [("&quot;", "&#x27;"), ("&quot;", "&#39;"), ("&#34;", "&#39;"), ("&quot;", "&apos;")];

/// Returns all forms of a value: the value and its lines, each as it is, in base64 (also as a part of a longer text), in hex,
/// percent-encoded, and escaped for HTML and for JSON, also for JSON within a JSON string.
pub(super) fn patterns(value: &str) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    // Logs consist of lines, so each line of a PEM key is searched for, except the first and last, which all keys share.
    let lines = value.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    for text in [value, value.trim_end()].into_iter().chain(lines) {
        if text.len() < MIN_BYTES {
            continue;
        }
        patterns.insert(text.to_owned());
        patterns.extend(base64(text.as_bytes()));
        patterns.extend(UNRESERVED.iter().flat_map(|unreserved| percent(text.as_bytes(), unreserved)));
        patterns.extend([hex::encode(text), hex::encode_upper(text)]);
        patterns.extend(QUOTES.map(|(double, single)| html(text, double, single)));
        let json = [escaped(text), escaped_ascii(text)];
        patterns.extend(json.iter().map(|text| escaped(text)));
        patterns.extend(json);
    }
    patterns
}

/// Returns the base64 forms of a value, also as a part of a longer text such as `user:password`. There the value may
/// start at any of three offsets within a group of bytes, and the characters at its ends depend on its neighbours.
fn base64(value: &[u8]) -> Vec<String> {
    let mut patterns = Vec::new();
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        let encoded = engine.encode(value);
        let padding = "=".repeat((3 - value.len() % 3) % 3);
        patterns.extend([format!("{encoded}{padding}"), encoded]);
        for before in 0..3 {
            let bytes = [&vec![0; before], value].concat();
            let encoded = engine.encode(&bytes);
            let from = (before * 8).div_ceil(6);
            let to = encoded.len() - usize::from(bytes.len() % 3 != 0);
            patterns.extend(encoded.get(from..to).map(str::to_owned));
        }
    }
    patterns
}

/// Returns the percent-encoded forms: with `%20` or `+` for a space, and with upper- or lower-case hex digits.
fn percent(value: &[u8], unreserved: &[u8]) -> [String; 4] {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || unreserved.contains(&byte);
    let encode = |space: &str, is_upper: bool| -> String {
        value
            .iter()
            .map(|byte| match byte {
                b' ' => space.to_owned(),
                byte if is_plain(*byte) => char::from(*byte).to_string(),
                byte if is_upper => format!("%{byte:02X}"),
                byte => format!("%{byte:02x}"),
            })
            .collect()
    };
    [encode("%20", true), encode("+", true), encode("%20", false), encode("+", false)]
}

/// Returns the value as it appears within an HTML document.
fn html(value: &str, double: &str, single: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    value.replace('"', double).replace('\'', single)
}

/// Returns the value as it appears within a JSON string.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

/// Returns the value as it appears within a JSON string that Python has written, in ASCII only.
fn escaped_ascii(value: &str) -> String {
    let mut text = String::new();
    for character in escaped(value).chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut units = [0; 2];
            text.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value is recognized in every encoding, for example inside a header for basic authentication.
    #[test]
    fn every_encoding_of_a_value_is_a_pattern() {
        let value = "pä$$ word/+\"x\"";
        let patterns = patterns(value);
        let basic = STANDARD_NO_PAD.encode(format!("user:{value}"));
        assert!(patterns.iter().any(|pattern| basic.contains(pattern)), "{basic}");
        for form in [
            value,
            "p%C3%A4%24%24%20word%2F%2B%22x%22",
            "p%c3%a4%24%24+word%2f%2b%22x%22",
            r#"pä$$ word/+\"x\""#,
            r#"p\u00e4$$ word/+\"x\""#,
        ] {
            assert!(patterns.contains(form), "{form}");
        }
        assert!(super::patterns("short").is_empty());
        let value = "a/b?c=<\"d'&é>";
        let patterns = super::patterns(value);
        for form in [
            "612f623f633d3c22642726c3a93e",
            "612F623F633D3C22642726C3A93E",
            "a/b%3Fc%3D%3C%22d%27%26%C3%A9%3E",
            "a/b?c=%3C%22d'&%C3%A9%3E",
            "a/b?c=&lt;&quot;d&#x27;&amp;é&gt;",
            "a/b?c=&lt;&#34;d&#39;&amp;é&gt;",
            r#"a/b?c=<\\\"d'&é>"#,
            r#"a/b?c=<\\\"d'&\\u00e9>"#,
        ] {
            assert!(patterns.contains(form), "{form}: {patterns:?}");
        }
    }

    /// Each line of a private key is recognized by itself.
    #[test]
    fn every_line_of_a_value_is_a_pattern() {
        let patterns =
            patterns("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n");
        assert!(patterns.contains("hkiG9w0BAQEFAASC"));
        assert!(!patterns.contains("-----BEGIN KEY-----"));
    }
}
