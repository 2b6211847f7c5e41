//! Similar names, for messages about names that do not exist.

/// Maximum length of the names that are compared, in bytes. Comparing takes time in proportion to the product of their lengths.
const MAX_BYTES: usize = 40;
/// Maximum number of names that are compared.
const MAX_NAMES: usize = 100;

/// Returns the name that is most similar to one that does not exist: at most one letter in three is missing, superfluous or
/// different. Returns `None` if no name is that similar.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_BYTES {
        return None;
    }
    let candidates = known.into_iter().take(MAX_NAMES).filter(|known| known.len() <= MAX_BYTES);
    let distances = candidates.map(|known| (distance(name.as_bytes(), known.as_bytes()), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 3).then_some(known)
}

/// Maximum number of names in a list.
const MAX_LISTED: usize = 10;

/// Returns names as a list for a message: the first ten, and the number of the others.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let listed = names.get(..MAX_LISTED).unwrap_or(&names).join(", ");
    match names.len().checked_sub(MAX_LISTED) {
        Some(others) if others > 0 => format!("{listed} and {others} others"),
        _ => listed,
    }
}

/// Returns the Levenshtein distance, without regard to the case of ASCII letters.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt name is recognised, and an unrelated one is not.
    #[test]
    fn a_misspelt_name_is_recognised() {
        let known = ["status", "headers", "headerValues", "body"];
        for (name, expected) in [
            ("boddy", Some("body")),
            ("Status", Some("status")),
            ("headervalues", Some("headerValues")),
            ("text", None),
            ("x", None),
        ] {
            assert_eq!(similar(name, known), expected, "{name}");
        }
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!((distance(b"", b"abc"), distance(b"abc", b"")), (3, 3));
    }
}
