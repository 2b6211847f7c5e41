//! Which fields of the schema are operations, so that `operations.yaml` must name them: all that a document can
//! begin with, and all that lead from one entity to another.

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, ServiceDocument, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

/// Introspection is a field of every schema, and stands in none.
const INTROSPECTION: &str = "Query.__schema";
const ROOTS: [&str; 2] = ["Query", "Mutation"];
/// Only the way to an entity, which is guarded where it begins.
const PASSAGES: [&str; 3] = ["Connection", "Edge", "Payload"];

/// The operations of a schema, as `operations.yaml` names them.
///
/// # Errors
/// The schema definition does not parse.
pub(super) fn operations(sdl: &str) -> Result<Vec<String>, async_graphql::parser::Error> {
    let document = parse_schema(sdl)?;
    let types: Vec<_> = definitions(&document).collect();
    let entities: Vec<_> = types.iter().filter(|it| is_entity(it)).map(|it| it.name.node.as_str()).collect();
    let fields =
        types.iter().flat_map(|parent| fields(parent).map(move |field| (parent.name.node.as_str(), field)));
    let operations = fields.filter(|(parent, field)| is_operation(parent, field, &entities));
    let names = operations.map(|(parent, field)| format!("{parent}.{}", field.name.node));
    Ok(names.chain([INTROSPECTION.to_owned()]).collect())
}

fn definitions(document: &ServiceDocument) -> impl Iterator<Item = &TypeDefinition> {
    document.definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(&definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    })
}

fn fields(definition: &TypeDefinition) -> impl Iterator<Item = &FieldDefinition> {
    let fields = match &definition.kind {
        TypeKind::Object(object) => object.fields.as_slice(),
        _ => &[],
    };
    fields.iter().map(|field| &field.node)
}

/// Entities have an id; so has what is only a passage to them not.
fn is_entity(definition: &TypeDefinition) -> bool {
    fields(definition).any(|field| field.name.node == "id")
}

fn is_operation(parent: &str, field: &FieldDefinition, entities: &[&str]) -> bool {
    let target = base(&field.ty.node);
    let leads_on = entities.contains(&target) || target.ends_with("Connection");
    ROOTS.contains(&parent) || (leads_on && !PASSAGES.iter().any(|suffix| parent.ends_with(suffix)))
}

fn base(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new edge of the graph is open to everyone, because nobody thought of its permission.
    #[test]
    fn edges_between_entities_are_operations_and_passages_are_not() {
        let sdl = "type Query { version: String! tenant: Tenant }
                   type Tenant { id: ID! name: String! runs(first: Int!): RunConnection! }
                   type RunConnection { nodes: [Run!]! }
                   type Run { id: ID! tenant: Tenant error: Failure }
                   type Failure { code: String! }";
        let names = operations(sdl).unwrap();
        assert_eq!(names, ["Query.version", "Query.tenant", "Tenant.runs", "Run.tenant", "Query.__schema"]);
    }
}
