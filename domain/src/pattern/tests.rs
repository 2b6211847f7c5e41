use super::{PatternError, compile, measure};

/// A pattern whose compiled form is far larger than its text is refused before it is compiled.
#[test]
fn large_patterns_are_refused_before_they_are_compiled() {
    for pattern in
        [r"\p{L}{200}", r"((a{100}){100}){100}", r"(?i)[\p{L}\p{N}]{150}", r"(\w{0,9}){20}", r"(.{1000}){20}"]
    {
        assert!(matches!(measure(pattern), Err(PatternError::TooLarge { .. })), "{pattern}");
    }
    assert!(matches!(measure(&"a".repeat(5000)), Err(PatternError::TooLong { .. })));
    assert!(matches!(measure("("), Err(PatternError::Syntax { .. })));
    assert!(matches!(measure(&"(".repeat(100)), Err(PatternError::Syntax { .. })));
}

/// Patterns of everyday use are accepted, and compile within the limits.
#[test]
fn everyday_patterns_are_accepted() {
    for pattern in [
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"(?i)^(urgent|invoice|order)\b.*\w+$",
        r"^\p{Lu}[\p{L}\p{M}' -]{1,20}$",
        r"^.{1,4096}$",
        r"^[\p{L} .'-]{2,80}$",
        r"^\w{1,64}$",
        r"^DE\d{2}( ?\d{4}){4} ?\d{2}$",
    ] {
        let size = measure(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert!(compile(pattern).is_ok(), "{pattern} has {size:?}");
    }
}
