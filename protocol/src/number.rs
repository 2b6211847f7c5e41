//! Integers in JSON texts. JSON has no limit for them, but parsers read an integer beyond 64 bits as a double, rounded, and
//! so does the Kubernetes API server with one beyond the range of a signed integer.

/// Returns the first integer of a valid JSON text that a signed integer of 64 bits cannot represent. Numbers with a fraction
/// or an exponent are doubles, not integers.
#[must_use]
pub fn oversized_integer(json: &[u8]) -> Option<&str> {
    let mut rest = json;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_string(after),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !is_part_of_number(*byte)).unwrap_or(rest.len());
                let (number, after) = rest.split_at_checked(end)?;
                let number = std::str::from_utf8(number).unwrap_or_default();
                if !number.contains(['.', 'e', 'E']) && number.parse::<i64>().is_err() {
                    return Some(number);
                }
                after
            }
            _ => after,
        };
    }
    None
}

fn is_part_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// Returns the text after a string, of which the opening quote was read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => return after,
            b'\\' => after.get(1..).unwrap_or_default(),
            _ => after,
        };
    }
    rest
}

/// Returns a number for a message: a long one is shortened.
#[must_use]
pub fn display(number: &str) -> String {
    const MAX_DIGITS: usize = 40;
    match number.get(..MAX_DIGITS) {
        Some(beginning) if number.len() > MAX_DIGITS => format!("{beginning}… ({} digits)", number.len()),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integers within 64 bits, doubles and texts are accepted; any other integer is found wherever it stands.
    #[test]
    fn only_integers_beyond_64_bits_are_found() {
        for text in [
            "9223372036854775807",
            "-9223372036854775808",
            "[1, 2.5, 1e300, -0, 18446744073709551615.0, 1e-7]",
            r#"{"18446744073709551615": "18446744073709551615", "a\"18446744073709551615\\": true}"#,
            "",
        ] {
            assert_eq!(oversized_integer(text.as_bytes()), None, "{text}");
        }
        for (text, number) in [
            ("9223372036854775808", "9223372036854775808"),
            ("-9223372036854775809", "-9223372036854775809"),
            (r#"{"a": ["\\", 1180591620717411303424]}"#, "1180591620717411303424"),
        ] {
            assert_eq!(oversized_integer(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(display(&"9".repeat(1000)), format!("{}… (1000 digits)", "9".repeat(40)));
    }
}
