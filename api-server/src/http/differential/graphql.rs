//! The schema of GraphQL: types, fields, arguments, and selections of what an answer of REST contains, too.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, ServiceDocument, Type, TypeKind, TypeSystemDefinition},
};
use serde_json::{Map, Value};

/// Names that REST and GraphQL have in common, but with another content: `plan` of a tenant is the name of the plan in REST, and `policies`
/// of a role are their IDs.
pub(super) const RENAMED: [(&str, &str, &str); 2] =
    [("Tenant", "plan", "plan { name }"), ("Role", "policies", "policies { id }")];
/// Fields with global IDs.
const IDS: [&str; 6] = ["id", "objectId", "userId", "serviceAccountId", "policyId", "auditEventId"];

/// Schema of GraphQL.
pub(super) struct Schema(ServiceDocument);

impl Schema {
    /// Parses the schema.
    pub(super) fn load() -> Self {
        Self(parse_schema(crate::graphql::sdl()).unwrap())
    }

    fn kind(&self, name: &str) -> Option<&TypeKind> {
        self.0.definitions.iter().find_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) if ty.node.name.node == name => Some(&ty.node.kind),
            _ => None,
        })
    }

    /// Returns a field of an object type.
    pub(super) fn field(&self, parent: &str, name: &str) -> &FieldDefinition {
        self.fields(parent)
            .into_iter()
            .find(|field| field.name.node == name)
            .unwrap_or_else(|| panic!("{parent}.{name}"))
    }

    /// Returns all fields that return a connection, with the names of their parents.
    pub(super) fn connections(&self) -> Vec<(&str, &FieldDefinition)> {
        let types = self.0.definitions.iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some(ty.node.name.node.as_str()),
            _ => None,
        });
        let fields =
            types.flat_map(|parent| self.fields(parent).into_iter().map(move |field| (parent, field)));
        fields.filter(|(_, field)| base_name(&field.ty.node).ends_with("Connection")).collect()
    }

    fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        match self.kind(name) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the name of the type of an argument.
    pub(super) fn argument<'a>(&self, field: &'a FieldDefinition, name: &str) -> Option<&'a str> {
        let argument = field.arguments.iter().find(|argument| argument.node.name.node == name)?;
        Some(base_name(&argument.node.ty.node))
    }

    /// Returns the fields of an input type, with the names of their types.
    pub(super) fn input_fields(&self, name: &str) -> BTreeMap<String, String> {
        match self.kind(name) {
            Some(TypeKind::InputObject(input)) => input
                .fields
                .iter()
                .map(|field| (field.node.name.node.to_string(), base_name(&field.node.ty.node).to_owned()))
                .collect(),
            _ => panic!("{name} is no input type"),
        }
    }

    /// Returns the values of an enum; `None` if the type is none.
    pub(super) fn enum_values(&self, name: &str) -> Option<Vec<String>> {
        match self.kind(name) {
            Some(TypeKind::Enum(values)) => {
                Some(values.values.iter().map(|value| value.node.value.node.to_string()).collect())
            }
            _ => None,
        }
    }

    /// Returns the selection of the fields of a type that an object of REST has, and the names of those that only REST has.
    pub(super) fn selection(&self, ty: &str, rest: &Map<String, Value>) -> (String, Vec<String>) {
        let (mut selection, mut missing) = (Vec::new(), Vec::new());
        for name in rest.keys() {
            match self.fields(ty).into_iter().find(|field| field.name.node == *name) {
                Some(field) => selection.push(self.selected(ty, field)),
                None => missing.push(name.clone()),
            }
        }
        (selection.join(" "), missing)
    }

    fn selected(&self, parent: &str, field: &FieldDefinition) -> String {
        let name = field.name.node.as_str();
        if let Some((_, _, renamed)) = RENAMED.iter().find(|(ty, field, _)| (*ty, *field) == (parent, name)) {
            return (*renamed).to_owned();
        }
        let inner = self.fields(base_name(&field.ty.node));
        match inner.is_empty() {
            true => name.to_owned(),
            false => {
                let ty = base_name(&field.ty.node);
                let inner: Vec<_> = inner.into_iter().map(|field| self.selected(ty, field)).collect();
                format!("{name} {{ {} }}", inner.join(" "))
            }
        }
    }
}

/// Converts an object of GraphQL to the form of REST: with plain IDs and names of plans.
pub(super) fn as_rest(ty: &str, mut object: Value) -> Value {
    for field in IDS {
        if let Some(id) = object.get(field).and_then(Value::as_str) {
            object[field] = decode(id).into();
        }
    }
    if ty == "Role"
        && let Some(policies) = object.get("policies")
    {
        let ids = policies.as_array().unwrap().iter().map(|policy| decode(policy["id"].as_str().unwrap()));
        object["policies"] = ids.collect();
    }
    if ty == "Policy" {
        // REST leaves out the fields that the kind of a selector or a condition does not have.
        for field in ["resources", "conditions"] {
            for part in object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
                part.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            }
        }
    }
    if ty == "Tenant" && object.get("plan").is_some() {
        object["plan"] = object["plan"]["name"].clone();
    }
    object
}

/// Returns the ID in REST of a global ID.
pub(super) fn decode(id: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = String::from_utf8(STANDARD.decode(id).unwrap()).unwrap();
    text.split_once(':').unwrap().1.to_owned()
}

/// Returns the global ID of an object.
pub(super) fn encode(ty: &str, id: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(format!("{ty}:{id}"))
}

/// Returns the name of a type without list and null markers.
pub(super) fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base_name(inner),
    }
}
