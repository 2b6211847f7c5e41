//! Work that a parsed document causes, counted before it is validated. Validation and execution visit a fragment as
//! often as it is spread, and copy a variable as often as it is used: both can double with each level of a short document.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use async_graphql::{
    Context, Name, Positioned, Variables,
    parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet},
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

/// Maximum number of entities that a document may look for by their representations.
pub(super) const MAX_REPRESENTATIONS: usize = 100;

/// Sizes of the variables of a request.
pub(crate) struct VariableSizes(HashMap<Name, VariableSize>);

#[derive(Clone, Copy)]
struct VariableSize {
    /// Number of values.
    values: usize,
    /// Objects that the variable names, if it is a list of them.
    objects: NamedObjects,
}

impl VariableSizes {
    /// Counts the values of all variables.
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        Self(variables.iter().map(|(name, value)| (name.clone(), VariableSize::of_value(value))).collect())
    }
}

impl VariableSize {
    fn of_value(value: &ConstValue) -> Self {
        Self { values: const_size(value), objects: NamedObjects::in_const(value) }
    }
}

/// Fields that return the objects that their argument names: the field and the argument.
const OBJECT_FIELDS: [(&str, &str); 2] = [("nodes", "ids"), (ENTITIES, "representations")];
/// Field that finds the entities of a federated graph.
const ENTITIES: &str = "_entities";

/// Objects that an argument of one of [`OBJECT_FIELDS`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NamedObjects {
    number: usize,
    /// Number of times that the same object may be among them.
    repeats: usize,
}

impl NamedObjects {
    const ONE: Self = Self { number: 1, repeats: 1 };

    fn in_const(value: &ConstValue) -> Self {
        let ConstValue::List(items) = value else { return Self::ONE };
        Self::new(items.iter().map(|item| match item {
            ConstValue::Object(fields) => fields.get("id").map(ToString::to_string),
            item => Some(item.to_string()),
        }))
    }

    fn in_value(value: &Value) -> Self {
        let Value::List(items) = value else { return Self::ONE };
        Self::new(items.iter().map(|item| match item {
            Value::Object(fields) => fields.get("id").map(ToString::to_string),
            item => Some(item.to_string()),
        }))
    }

    fn new(ids: impl ExactSizeIterator<Item = Option<String>>) -> Self {
        let number = ids.len();
        // Long lists are refused anyway.
        let distinct = ids.take(MAX_REPRESENTATIONS).collect::<HashSet<_>>().len();
        Self { number, repeats: number.saturating_sub(distinct).saturating_add(1) }
    }
}

/// Number of entities that a document looks for by their representations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Representations(pub(crate) usize);

/// Work of a document that its execution needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentWork {
    /// Number of times that the document selects the same part of a content.
    pub(crate) contents: ContentRepeats,
    /// Number of entities that the document looks for.
    pub(crate) representations: Representations,
}

/// Fields of runs and workflows that return parts of their contents.
const CONTENT_FIELDS: [&str; 8] =
    ["input", "effectiveInput", "output", "outputRef", "steps", "decisions", "inputSchema", "problems"];
/// Field of workflows that returns the steps and the schema of the input, among others.
const DEFINITION: &str = "definition";

/// Number of times that a document selects the same part of a run's or workflow's content, with all fragments expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRepeats(pub(crate) usize);

impl ContentRepeats {
    /// Returns the number for the document of a request; one if it was not counted.
    pub(super) fn from_context(ctx: &Context<'_>) -> usize {
        ctx.data_opt::<Self>().map_or(1, |Self(repeats)| *repeats)
    }
}

/// Checks the work that a document causes, and returns what its execution needs to know of it.
///
/// # Errors
/// Returns an error if its fragments or variables expand to too much, if a fragment contains itself, or if it looks for too many
/// entities.
pub(crate) fn check_work(
    document: &ExecutableDocument,
    variables: &VariableSizes,
) -> Result<DocumentWork, TooLarge> {
    let mut counter =
        Counter { document, variables, defaults: default_sizes(document), fragments: HashMap::new() };
    let mut work = WorkCount::default();
    for (_, operation) in document.operations.iter() {
        let directives = counter.directives(&operation.node.directives);
        let selections = counter.selection_set(&operation.node.selection_set.node, 0)?;
        work = work.plus(directives)?.plus(selections)?;
    }
    Ok(DocumentWork {
        contents: ContentRepeats(work.contents.into_iter().max().unwrap_or(0).max(1)),
        representations: Representations(work.representations),
    })
}

/// Returns the sizes of the default values of variables. If several operations declare the same variable, the largest one counts.
fn default_sizes(document: &ExecutableDocument) -> HashMap<&Name, VariableSize> {
    let mut sizes: HashMap<_, VariableSize> = HashMap::new();
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let Some(value) = &variable.node.default_value else { continue };
            let (size, name) = (VariableSize::of_value(&value.node), &variable.node.name.node);
            let largest = sizes.entry(name).or_insert(size);
            if size.values > largest.values {
                *largest = size;
            }
        }
    }
    sizes
}

#[derive(Clone, Copy, Default)]
struct WorkCount {
    selections: usize,
    values: usize,
    /// Selections of each of [`CONTENT_FIELDS`].
    contents: [usize; CONTENT_FIELDS.len()],
    /// Entities that the document looks for.
    representations: usize,
}

impl WorkCount {
    fn plus(self, other: Self) -> Result<Self, TooLarge> {
        let selections = self.selections.saturating_add(other.selections);
        let values = self.values.saturating_add(other.values);
        let mut contents = self.contents;
        for (count, more) in contents.iter_mut().zip(other.contents) {
            *count = count.saturating_add(more);
        }
        let representations = self.representations.saturating_add(other.representations);
        if selections >= MAX_SELECTIONS {
            return Err(TooLarge::Selections);
        }
        if values >= MAX_VALUES {
            return Err(TooLarge::Values);
        }
        if representations > MAX_REPRESENTATIONS {
            return Err(TooLarge::Representations);
        }
        Ok(Self { selections, values, contents, representations })
    }

    /// Returns the work of the selections of a field that returns an object several times.
    fn of_objects(self, objects: NamedObjects) -> Self {
        let contents = self.contents.map(|count| count.saturating_mul(objects.repeats));
        Self { contents, ..self }
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a VariableSizes,
    defaults: HashMap<&'a Name, VariableSize>,
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
                    let objects = self.objects(&field.node);
                    let inner = self.selection_set(&field.node.selection_set.node, depth + 1)?;
                    (self.field(&field.node, objects)?, inner.of_objects(objects))
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

    fn field(&self, field: &'a Field, objects: NamedObjects) -> Result<WorkCount, TooLarge> {
        let arguments = self.values(field.arguments.iter().map(|(_, value)| &value.node));
        let name = field.name.node.as_str();
        let returns =
            |part: &str| name == part || (name == DEFINITION && ["steps", "inputSchema"].contains(&part));
        let own = WorkCount {
            contents: CONTENT_FIELDS.map(|part| usize::from(returns(part))),
            representations: if name == ENTITIES { objects.number } else { 0 },
            ..WorkCount::default()
        };
        own.plus(arguments)?.plus(self.directives(&field.directives))
    }

    /// Returns the objects that the argument of a field names.
    fn objects(&self, field: &Field) -> NamedObjects {
        let argument = OBJECT_FIELDS
            .iter()
            .find(|(name, _)| field.name.node == *name)
            .and_then(|(_, argument)| field.get_argument(argument));
        match argument.map(|argument| &argument.node) {
            Some(Value::Variable(name)) => self.variable(name).map_or(NamedObjects::ONE, |size| size.objects),
            Some(value) => NamedObjects::in_value(value),
            None => NamedObjects::ONE,
        }
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

    fn variable(&self, name: &Name) -> Option<VariableSize> {
        self.variables.0.get(name).or_else(|| self.defaults.get(name)).copied()
    }

    fn size(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.variable(name).map_or(1, |size| size.values),
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

    /// The number of entities is bounded, whether their representations are in the document or in a variable.
    #[test]
    fn the_number_of_entities_is_bounded() {
        let document = "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
        let counted = |number: usize| {
            let representations: Vec<_> =
                (0..number).map(|id| json!({"__typename": "Plan", "id": id})).collect();
            let variables =
                VariableSizes::from_variables(&Variables::from_json(json!({"r": representations})));
            check_work(&parse_query(document).unwrap(), &variables)
        };
        assert_eq!(counted(100).map(|work| work.representations), Ok(Representations(100)));
        assert_eq!(counted(101), Err(TooLarge::Representations));
        let default = format!(
            "query($r: [_Any!]! = [{}]) {{ _entities(representations: $r) {{ __typename }} }}",
            "1 ".repeat(101)
        );
        let sizes = VariableSizes(HashMap::new());
        assert_eq!(check_work(&parse_query(default).unwrap(), &sizes), Err(TooLarge::Representations));
        let literal = "{__typename: \"Plan\", id: \"x\"} ".repeat(101);
        let literal = format!("{{ _entities(representations: [{literal}]) {{ __typename }} }}");
        assert_eq!(
            check_work(&parse_query(literal).unwrap(), &VariableSizes(HashMap::new())),
            Err(TooLarge::Representations)
        );
    }

    /// A content that is in the answer several times counts as often, whichever way the document repeats it.
    #[test]
    fn repeated_contents_are_counted() {
        for (document, repeats) in [
            ("{ workflowRun(id: 1) { output input } }", 1),
            ("{ workflowRun(id: 1) { a: output b: output } }", 2),
            ("{ nodes(ids: [1, 2, 3]) { ... on WorkflowRun { output } } }", 1),
            ("{ nodes(ids: [1, 2, 1, 1]) { ... on WorkflowRun { output } } }", 3),
            ("{ nodes(ids: [1, 1]) { ... on WorkflowRun { a: output b: output } } }", 4),
            ("{ _entities(representations: [{id: 1}, {id: 1}]) { ... on WorkflowRun { output } } }", 2),
            ("{ workflow(id: 1) { definition steps inputSchema } }", 2),
        ] {
            let work = check_work(&parse_query(document).unwrap(), &VariableSizes(HashMap::new())).unwrap();
            assert_eq!(work.contents, ContentRepeats(repeats), "{document}");
        }
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
