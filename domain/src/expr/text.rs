//! Text functions in linear time. Indices count characters, as everywhere in CEL.

/// Returns the index of the first occurrence of the part at or after `offset`; -1 if there is none.
///
/// # Errors
/// Returns an error if the offset is not an index of the text.
pub(super) fn index_of(text: &str, part: &str, offset: Option<i64>) -> Result<i64, String> {
    let Some(offset) = offset else {
        return Ok(text.find(part).map_or(-1, |byte| count(text.get(..byte))));
    };
    let length = count(Some(text));
    if part.is_empty() && offset >= 0 {
        return Ok(offset.min(length));
    }
    let start = byte_index(text, offset).filter(|byte| *byte < text.len());
    let start = start.ok_or_else(|| format!("index out of range: {offset}"))?;
    let found = text.get(start..).and_then(|rest| Some((rest, rest.find(part)?)));
    Ok(found.map_or(-1, |(rest, byte)| offset.saturating_add(count(rest.get(..byte)))))
}

/// Returns the index of the last occurrence of the part that begins at or before `offset`; -1 if there is
/// none.
///
/// # Errors
/// Returns an error if the offset is not an index of the text.
pub(super) fn last_index_of(text: &str, part: &str, offset: Option<i64>) -> Result<i64, String> {
    let Some(offset) = offset else {
        return Ok(text.rfind(part).map_or(-1, |byte| count(text.get(..byte))));
    };
    let length = count(Some(text));
    if part.is_empty() && offset >= 0 {
        return Ok(offset.min(length));
    }
    let start = byte_index(text, offset).filter(|byte| *byte < text.len());
    let start = start.ok_or_else(|| format!("index out of range: {offset}"))?;
    let end = text.floor_char_boundary(start.saturating_add(part.len()));
    let found = text.get(..end).and_then(|head| head.rfind(part));
    Ok(found.map_or(-1, |byte| count(text.get(..byte))))
}

/// Returns the number of parts that [`split`] returns, without memory.
pub(super) fn count_parts(text: &str, separator: &str, limit: usize) -> usize {
    let parts = if separator.is_empty() { text.chars().count() } else { text.matches(separator).count() + 1 };
    parts.min(limit)
}

/// Returns the parts of a text between separators, or its characters if the separator is empty. The last one
/// of `limit` parts is the rest of the text.
pub(super) fn split<'t>(text: &'t str, separator: &str, limit: usize) -> Vec<&'t str> {
    if !separator.is_empty() {
        return text.splitn(limit, separator).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit
        && let Some(first) = rest.chars().next()
        && let Some((head, tail)) = rest.split_at_checked(first.len_utf8())
    {
        parts.push(head);
        rest = tail;
    }
    if !rest.is_empty() && limit > 0 {
        parts.push(rest);
    }
    parts
}

fn count(text: Option<&str>) -> i64 {
    i64::try_from(text.unwrap_or_default().chars().count()).unwrap_or(i64::MAX)
}

/// Returns the byte at which a character begins; the length of the text for the index after the last.
fn byte_index(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `indexOf`, `lastIndexOf` and `split` return the same results as the functions of the CEL library: indices count
    /// characters, not bytes.
    #[test]
    fn indices_count_characters() {
        assert_eq!(index_of("hello mellow", "ello", None), Ok(1));
        assert_eq!(index_of("hello mellow", "", None), Ok(0));
        assert_eq!(index_of("ta©o©αT", "©", Some(3)), Ok(4));
        assert_eq!(index_of("ta©o©αT", "©α", Some(5)), Ok(-1));
        assert_eq!(index_of("abc", "", Some(20)), Ok(3));
        assert!(index_of("hello", "ello", Some(20)).is_err());
        assert!(index_of("abc", "", Some(-1)).is_err());
        assert_eq!(last_index_of("hello mellow", "", None), Ok(12));
        assert_eq!(last_index_of("hello mellow", "ello", Some(6)), Ok(1));
        assert_eq!(last_index_of("ta©o©αT", "©", Some(3)), Ok(2));
        assert_eq!(last_index_of("bananananana", "nana", Some(7)), Ok(6));
        assert_eq!(last_index_of("", "@@", None), Ok(-1));
        assert!(last_index_of("tacocat", "a", Some(-1)).is_err());
        assert_eq!(split("a,b,c", ",", usize::MAX), ["a", "b", "c"]);
        assert_eq!(split("a,b,c", ",", 2), ["a", "b,c"]);
        assert_eq!(split("aπc", "", usize::MAX), ["a", "π", "c"]);
        assert_eq!(split("abc", "", 2), ["a", "bc"]);
        assert_eq!(split("abc", "", 0), [""; 0]);
    }

    /// As many parts are charged as are created.
    #[test]
    fn parts_are_counted_exactly() {
        for (text, separator) in
            [("a,b,c", ","), ("abc", ""), ("", ","), ("", ""), ("aaaa", "aa"), (",", ",")]
        {
            for limit in [0, 1, 2, 3, usize::MAX] {
                let parts = split(text, separator, limit).len();
                assert_eq!(count_parts(text, separator, limit), parts, "{text:?} {separator:?} {limit}");
            }
        }
    }
}
