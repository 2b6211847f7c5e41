//! Work that a parsed document causes, counted before it is validated. Validation and execution visit a fragment as
//! often as it is spread, and copy a variable as often as it is used: both can double with each level of a short document.

use std::collections::{HashMap, hash_map::Entry};

use async_graphql::{
    Context, Name, Positioned, Variables,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};
use async_graphql_value::{ConstValue, Value};

use super::{MAX_RECURSION, TooLarge};

/// Maximum number of selections with all fragments expanded: more than twice the maximum cost of a document. A visit of
/// one takes some microseconds in each of about 20 rules.
pub(super) const MAX_SELECTIONS: usize = 5_000;
/// Maximum number of values in the arguments of all these selections: twice the largest input of a run, in which each
/// value takes two bytes.
pub(super) const MAX_VALUES: usize = 300_000;
/// Length of a text that counts as much as one more value.
const BYTES_PER_VALUE: usize = 64;

/// Number of values in each variable of a request.
pub(crate) struct VariableSizes(HashMap<Name, usize>);

impl VariableSizes {
    /// Counts the values of all variables.
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        let size = |(name, value): (&Name, &ConstValue)| (name.clone(), const_size(value));
        Self(variables.iter().map(size).collect())
    }
}

/// Fields of runs and workflows that return parts of their contents.
const CONTENT_FIELDS: [&str; 7] =
    ["input", "effectiveInput", "output", "outputRef", "steps", "inputSchema", "problems"];

/// Number of times that a document selects the same part of a run's or workflow's content, with all fragments expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRepeats(pub(crate) usize);

impl ContentRepeats {
    /// Returns the number for the document of a request; one if it was not counted.
    pub(super) fn from_context(ctx: &Context<'_>) -> usize {
        ctx.data_opt::<Self>().map_or(1, |Self(repeats)| *repeats)
    }
}

/// Checks the work that a document causes, and returns how often it repeats the contents of runs.
///
/// # Errors
/// Returns an error if its fragments or variables expand to too much, or if a fragment contains itself.
pub(crate) fn check_work(
    document: &ExecutableDocument,
    variables: &VariableSizes,
) -> Result<ContentRepeats, TooLarge> {
    let mut counter = Counter { document, variables, fragments: HashMap::new() };
    let mut work = WorkCount::default();
    for (_, operation) in document.operations.iter() {
        let directives = counter.directives(&operation.node.directives);
        let selections = counter.selection_set(&operation.node.selection_set.node, 0)?;
        work = work.plus(directives)?.plus(selections)?;
    }
    Ok(ContentRepeats(work.contents.into_iter().max().unwrap_or(0).max(1)))
}

#[derive(Clone, Copy, Default)]
struct WorkCount {
    selections: usize,
    values: usize,
    /// Selections of each of [`CONTENT_FIELDS`].
    contents: [usize; CONTENT_FIELDS.len()],
}

impl WorkCount {
    fn plus(self, other: Self) -> Result<Self, TooLarge> {
        let selections = self.selections.saturating_add(other.selections);
        let values = self.values.saturating_add(other.values);
        let mut contents = self.contents;
        for (count, more) in contents.iter_mut().zip(other.contents) {
            *count = count.saturating_add(more);
        }
        match (selections, values) {
            (MAX_SELECTIONS.., _) => Err(TooLarge::Selections),
            (_, MAX_VALUES..) => Err(TooLarge::Values),
            _ => Ok(Self { selections, values, contents }),
        }
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a VariableSizes,
    /// Work of each fragment; `None` while it is being counted.
    fragments: HashMap<&'a Name, Option<WorkCount>>,
}

impl<'a> Counter<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet, depth: usize) -> Result<WorkCount, TooLarge> {
        if depth > MAX_RECURSION {
            return Err(TooLarge::Nesting);
        }
        let mut work = WorkCount::default();
        for selection in &set.items {
            let (own, inner) = match &selection.node {
                Selection::Field(field) => {
                    let arguments = self.values(field.node.arguments.iter().map(|(_, value)| &value.node));
                    let mut own = arguments.plus(self.directives(&field.node.directives))?;
                    own.contents = CONTENT_FIELDS.map(|name| usize::from(field.node.name.node == name));
                    (own, self.selection_set(&field.node.selection_set.node, depth + 1)?)
                }
                Selection::InlineFragment(fragment) => (
                    self.directives(&fragment.node.directives),
                    self.selection_set(&fragment.node.selection_set.node, depth + 1)?,
                ),
                Selection::FragmentSpread(spread) => (
                    self.directives(&spread.node.directives),
                    self.fragment(&spread.node.fragment_name.node, depth + 1)?,
                ),
            };
            let one = WorkCount { selections: 1, ..WorkCount::default() };
            work = work.plus(one)?.plus(own)?.plus(inner)?;
        }
        Ok(work)
    }

    fn fragment(&mut self, name: &'a Name, depth: usize) -> Result<WorkCount, TooLarge> {
        // The validation reports spreads of fragments that do not exist.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(WorkCount::default()) };
        match self.fragments.entry(name) {
            Entry::Occupied(entry) => return entry.get().ok_or(TooLarge::Cycle),
            Entry::Vacant(entry) => entry.insert(None),
        };
        let directives = self.directives(&fragment.node.directives);
        let work = self.selection_set(&fragment.node.selection_set.node, depth)?.plus(directives)?;
        self.fragments.insert(name, Some(work));
        Ok(work)
    }

    fn directives(&self, directives: &'a [Positioned<Directive>]) -> WorkCount {
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        self.values(arguments.map(|(_, value)| &value.node))
    }

    fn values(&self, values: impl Iterator<Item = &'a Value>) -> WorkCount {
        let values = values.map(|value| self.size(value)).fold(0, usize::saturating_add);
        WorkCount { values, ..WorkCount::default() }
    }

    fn size(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.variables.0.get(name).copied().unwrap_or(1),
            Value::String(text) => text_size(text),
            Value::List(values) => sum(values.iter().map(|value| self.size(value))),
            Value::Object(fields) => sum(fields.values().map(|value| self.size(value))),
            Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 1,
        }
    }
}

fn const_size(value: &ConstValue) -> usize {
    match value {
        ConstValue::String(text) => text_size(text),
        ConstValue::List(values) => sum(values.iter().map(const_size)),
        ConstValue::Object(fields) => sum(fields.values().map(const_size)),
        ConstValue::Null
        | ConstValue::Number(_)
        | ConstValue::Boolean(_)
        | ConstValue::Binary(_)
        | ConstValue::Enum(_) => 1,
    }
}

fn text_size(text: &str) -> usize {
    1 + text.len() / BYTES_PER_VALUE
}

/// Returns the size of a list or an object: 1 and the sizes of its values.
fn sum(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.fold(1, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn check(document: &str, variables: serde_json::Value) -> Result<(), TooLarge> {
        let sizes = VariableSizes::from_variables(&Variables::from_json(variables));
        check_work(&parse_query(document).unwrap(), &sizes).map(drop)
    }

    /// Returns a document with fragments that each spread the next one twice.
    fn doubling(levels: usize) -> String {
        let fragment = |level| format!("fragment F{level} on Query {{ ...F{0} ...F{0} }} ", level + 1);
        let fragments: String = (0..levels).map(fragment).collect();
        format!("{{ ...F0 }} {fragments} fragment F{levels} on Query {{ viewer {{ email }} }}")
    }

    /// Fragments that double are refused by what they expand to, without expanding them.
    #[test]
    fn fragments_that_double_are_refused() {
        assert_eq!(check(&doubling(9), json!({})), Ok(()));
        for levels in 12..30 {
            assert_eq!(check(&doubling(levels), json!({})), Err(TooLarge::Selections), "{levels}");
        }
    }

    /// A fragment that contains itself, directly or through others, is refused, as is a long chain of fragments.
    #[test]
    fn endless_fragments_are_refused() {
        let cycle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A ...A }";
        assert_eq!(check(cycle, json!({})), Err(TooLarge::Cycle));
        assert_eq!(check("{ ...A } fragment A on Query { a { ...A } }", json!({})), Err(TooLarge::Cycle));
        let link = |level| format!("fragment F{level} on Query {{ a {{ ...F{} }} }} ", level + 1);
        let chain: String = (0..400).map(link).collect();
        assert_eq!(check(&format!("{{ ...F0 }} {chain}"), json!({})), Err(TooLarge::Nesting));
    }

    /// A large variable, list or text may be used once, but not hundreds of times.
    #[test]
    fn large_values_are_refused_if_they_are_repeated() {
        let document = |uses: usize| format!("query($i: JSON) {{ {} }}", "node(id: $i) { id } ".repeat(uses));
        let input = json!({"i": vec![0; 130_000]});
        assert_eq!(check(&document(1), input.clone()), Ok(()));
        assert_eq!(check(&document(3), input), Err(TooLarge::Values));
        assert_eq!(check(&document(300), json!({"i": "x".repeat(200_000)})), Err(TooLarge::Values));
        let directive = "query($i: Boolean!) { ".to_owned() + &"a @include(if: $i) ".repeat(400) + "}";
        assert_eq!(check(&directive, json!({"i": vec![0; 1_000]})), Err(TooLarge::Values));
    }
}
