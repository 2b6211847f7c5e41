//! Enum values: PascalCase in Kubernetes, UPPER_SNAKE for callers.

/// `TimedOut` as `TIMED_OUT`.
#[must_use]
pub fn upper_snake(pascal: &str) -> String {
    let mut upper = String::with_capacity(pascal.len() + 4);
    for (index, letter) in pascal.char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients compare with a word that never comes.
    #[test]
    fn values_are_spelt_as_callers_know_them() {
        assert_eq!(["Running", "TimedOut"].map(upper_snake), ["RUNNING", "TIMED_OUT"]);
    }
}
