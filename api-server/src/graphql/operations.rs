//! The fields of the schema that are operations and need a rule in `operations.yaml`: all root fields, and
//! all fields that link one entity to another.

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, ServiceDocument, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

/// Introspection, which every schema has and none declares.
const INTROSPECTION: &str = "Query.__schema";
const ROOTS: [&str; 2] = ["Query", "Mutation"];
/// Suffixes of types that only wrap entities. The field that returns such a type is guarded instead.
const WRAPPER_SUFFIXES: [&str; 4] = ["Connection", "Edge", "Payload", "Result"];

/// Returns the names of a schema's operations, as in `operations.yaml`: `Query.tenant`.
///
/// # Errors
/// Returns an error if the schema definition does not parse.
pub(super) fn names(sdl: &str) -> Result<Vec<String>, async_graphql::parser::Error> {
    let document = parse_schema(sdl)?;
    let types: Vec<_> = definitions(&document).collect();
    let entities: Vec<_> = types.iter().filter(|ty| is_entity(ty)).map(|ty| ty.name.node.as_str()).collect();
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

/// Returns whether a type is an entity: it has a field `id`.
fn is_entity(definition: &TypeDefinition) -> bool {
    fields(definition).any(|field| field.name.node == "id")
}

fn is_operation(parent: &str, field: &FieldDefinition, entities: &[&str]) -> bool {
    let target = base_name(&field.ty.node);
    let leads_to_entity = entities.contains(&target) || target.ends_with("Connection");
    ROOTS.contains(&parent)
        || (leads_to_entity && !WRAPPER_SUFFIXES.iter().any(|suffix| parent.ends_with(suffix)))
}

fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base_name(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every new edge between entities needs a rule; the fields of wrapper types do not.
    #[test]
    fn edges_between_entities_are_operations() {
        let sdl = "type Query { version: String! tenant: Tenant }
                   type Tenant { id: ID! name: String! runs(first: Int!): RunConnection! }
                   type RunConnection { nodes: [Run!]! }
                   type Run { id: ID! tenant: Tenant error: Failure }
                   type Failure { code: String! }";
        let names = names(sdl).unwrap();
        assert_eq!(names, ["Query.version", "Query.tenant", "Tenant.runs", "Run.tenant", "Query.__schema"]);
    }
}
