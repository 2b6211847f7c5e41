//! Truth values of conditions.

/// Truth of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// The condition is false.
    False,
    /// A value that the condition needs is not known.
    Unknown,
    /// The condition is true.
    True,
}

impl Truth {
    /// Returns the truth of a value that may not be known.
    #[must_use]
    pub fn from_known(value: Option<bool>) -> Self {
        match value {
            Some(true) => Self::True,
            Some(false) => Self::False,
            None => Self::Unknown,
        }
    }

    /// Returns the conjunction, as SQL defines it: false if one is false, else unknown if one is unknown.
    #[must_use]
    pub fn all(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(Self::True, |all, value| match (all, value) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::True, Self::True) => Self::True,
        })
    }

    /// Returns the disjunction, as SQL defines it: true if one is true, else unknown if one is unknown.
    #[must_use]
    pub fn any(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(Self::False, |any, value| match (any, value) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::False, Self::False) => Self::False,
        })
    }
}
