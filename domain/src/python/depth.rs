//! An upper bound of the nesting of code, from its tokens.
//!
//! Every level of a syntax tree has a token of its own: a bracket, an operator, a dot or a keyword. Within brackets, a comma
//! separates elements, which do not contain each other, apart from those behind a keyword such as `lambda`, whose parameters
//! have commas, too.

/// Tokens between two brackets.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Number of keywords.
    keywords: usize,
    /// Number of other tokens since the last comma.
    tokens: usize,
    /// Nesting of the deepest brackets since the last comma.
    inner: usize,
    /// Maximum of what the elements before the last comma had.
    deepest: usize,
}

impl Level {
    fn element(&self) -> usize {
        self.tokens + self.inner
    }

    fn total(&self) -> usize {
        self.keywords + self.deepest.max(self.element())
    }
}

/// Counts tokens and bounds the nesting that they can have.
#[derive(Debug, Default)]
pub(super) struct DepthMeter {
    /// Brackets that are open.
    open: Vec<Level>,
    /// Tokens of the logical line outside of brackets.
    line: Level,
    deepest: usize,
}

impl DepthMeter {
    fn level(&mut self) -> &mut Level {
        self.open.last_mut().unwrap_or(&mut self.line)
    }

    /// Counts a token that may contain what stands beside it, such as an operator.
    pub(super) fn token(&mut self) {
        self.level().tokens += 1;
    }

    /// Counts a keyword that may contain what follows, also behind commas.
    pub(super) fn keyword(&mut self) {
        self.level().keywords += 1;
    }

    /// Begins the next element within brackets.
    pub(super) fn comma(&mut self) {
        if let Some(level) = self.open.last_mut() {
            *level = Level {
                deepest: level.deepest.max(level.element()),
                keywords: level.keywords,
                ..Level::default()
            };
        }
    }

    /// Opens a bracket.
    pub(super) fn open(&mut self) {
        self.open.push(Level::default());
    }

    /// Closes a bracket.
    pub(super) fn close(&mut self) {
        let total = self.open.pop().map_or(0, |level| level.total() + 1);
        let outer = self.level();
        outer.inner = outer.inner.max(total);
        outer.tokens += 1; // `f()()()` is nested, too
    }

    /// Ends a logical line.
    pub(super) fn end_line(&mut self) {
        if self.open.is_empty() {
            self.deepest = self.deepest.max(self.line.total());
            self.line = Level::default();
        }
    }

    /// Returns the bound for all lines.
    pub(super) fn finish(mut self) -> usize {
        self.end_line();
        self.deepest
    }
}
