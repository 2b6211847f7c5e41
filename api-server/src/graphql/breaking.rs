//! Changes of the schema that break clients, found by comparison with the released schema.

use std::{collections::BTreeMap, fmt::Display};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
            TypeSystemDefinition,
        },
    },
};

/// Schema of the last release.
const RELEASED: &str = include_str!("../../released/schema.graphql");
/// Breaking changes that the next release makes on purpose, one a line.
const ACCEPTED: &str = include_str!("../../released/accepted-changes.txt");

/// Returns the changes between two schemas that break a client which is correct for the old one, in the order of their names.
fn breaking_changes(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (parse_schema(old).unwrap(), parse_schema(new).unwrap());
    let (old, new) = (types(&old.definitions), types(&new.definitions));
    let mut changes = Changes::default();
    for (name, old) in old {
        match new.get(name) {
            Some(new) => changes.compare_types(name, &old.kind, &new.kind),
            None => changes.add(format!("{name} was removed")),
        }
    }
    changes.0.sort();
    changes.0
}

fn types(definitions: &[TypeSystemDefinition]) -> BTreeMap<&str, &TypeDefinition> {
    let types = definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(&definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.map(|definition| (definition.name.node.as_str(), definition)).collect()
}

#[derive(Default)]
struct Changes(Vec<String>);

impl Changes {
    fn add(&mut self, change: String) {
        self.0.push(change);
    }

    fn compare_types(&mut self, name: &str, old: &TypeKind, new: &TypeKind) {
        match (old, new) {
            (TypeKind::Scalar, TypeKind::Scalar) => {}
            (TypeKind::Object(old), TypeKind::Object(new)) => {
                self.find_removed(name, names(&old.implements), &names(&new.implements));
                self.compare_fields(name, &old.fields, &new.fields);
            }
            (TypeKind::Interface(old), TypeKind::Interface(new)) => {
                self.compare_fields(name, &old.fields, &new.fields);
            }
            (TypeKind::Union(old), TypeKind::Union(new)) => {
                self.find_removed(name, names(&old.members), &names(&new.members));
            }
            (TypeKind::Enum(old), TypeKind::Enum(new)) => {
                let values = |values: &[Positioned<async_graphql::parser::types::EnumValueDefinition>]| {
                    values.iter().map(|value| value.node.value.node.to_string()).collect::<Vec<_>>()
                };
                self.find_removed(name, values(&old.values), &values(&new.values));
            }
            (TypeKind::InputObject(old), TypeKind::InputObject(new)) => {
                self.compare_inputs(&format!("{name}."), &old.fields, &new.fields);
            }
            _ => self.add(format!("{name} is another kind of type")),
        }
    }

    fn find_removed(&mut self, name: &str, old: Vec<String>, new: &[String]) {
        for removed in old.into_iter().filter(|old| !new.contains(old)) {
            self.add(format!("{name}.{removed} was removed"));
        }
    }

    fn compare_fields(
        &mut self,
        name: &str,
        old: &[Positioned<FieldDefinition>],
        new: &[Positioned<FieldDefinition>],
    ) {
        for old in old.iter().map(|field| &field.node) {
            let field = format!("{name}.{}", old.name.node);
            let Some(new) = new.iter().map(|field| &field.node).find(|new| new.name.node == old.name.node)
            else {
                self.add(format!("{field} was removed"));
                continue;
            };
            if !is_narrower_output(&old.ty.node, &new.ty.node) {
                self.add_type(&field, &old.ty.node, &new.ty.node);
            }
            self.compare_inputs(&format!("{field}:"), &old.arguments, &new.arguments);
        }
    }

    fn compare_inputs(
        &mut self,
        prefix: &str,
        old: &[Positioned<InputValueDefinition>],
        new: &[Positioned<InputValueDefinition>],
    ) {
        let find = |values: &[Positioned<InputValueDefinition>], name: &str| {
            values.iter().map(|value| &value.node).find(|value| value.name.node == name).cloned()
        };
        for old in old.iter().map(|value| &value.node) {
            let value = format!("{prefix}{}", old.name.node);
            match find(new, &old.name.node) {
                None => self.add(format!("{value} was removed")),
                Some(new) if !is_wider_input(&old.ty.node, &new.ty.node) => {
                    self.add_type(&value, &old.ty.node, &new.ty.node);
                }
                Some(new) => {
                    let default = |value: &InputValueDefinition| {
                        value.default_value.as_ref().map(|value| value.node.to_string())
                    };
                    if default(old) != default(&new) {
                        self.add(format!("{value} has another default"));
                    }
                }
            }
        }
        for new in new.iter().map(|value| &value.node) {
            let is_required = !new.ty.node.nullable && new.default_value.is_none();
            if is_required && find(old, &new.name.node).is_none() {
                self.add(format!("{prefix}{} was added and is required", new.name.node));
            }
        }
    }

    fn add_type(&mut self, name: &str, old: &Type, new: &Type) {
        self.add(format!("{name} has the type {new} instead of {old}"));
    }
}

fn names<N: Display>(names: &[Positioned<N>]) -> Vec<String> {
    names.iter().map(|name| name.node.to_string()).collect()
}

/// Returns whether every value of the new type is one of the old type.
fn is_narrower_output(old: &Type, new: &Type) -> bool {
    (old.nullable || !new.nullable) && has_same_base(old, new, is_narrower_output)
}

/// Returns whether every value of the old type is one of the new type.
fn is_wider_input(old: &Type, new: &Type) -> bool {
    (new.nullable || !old.nullable) && has_same_base(old, new, is_wider_input)
}

fn has_same_base(old: &Type, new: &Type, compare: fn(&Type, &Type) -> bool) -> bool {
    match (&old.base, &new.base) {
        (BaseType::Named(old), BaseType::Named(new)) => old == new,
        (BaseType::List(old), BaseType::List(new)) => compare(old, new),
        _ => false,
    }
}

/// The schema has no breaking change that `released/accepted-changes.txt` does not list, and that file lists no other.
#[test]
fn the_schema_breaks_no_client_of_the_released_one() {
    let accepted: Vec<_> = ACCEPTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        breaking_changes(RELEASED, &super::sdl()),
        accepted,
        "undo the change, or list it in api-server/released/accepted-changes.txt"
    );
}

/// Removals, narrower inputs and wider outputs are breaking changes; additions and the opposite changes are not.
#[test]
fn breaking_changes_are_found() {
    for (old, new, changes) in [
        ("type A { b: Int c: Int }", "type A { b: Int }", &["A.c was removed"][..]),
        ("type A { b: Int } type B { c: Int }", "type A { b: Int }", &["B was removed"]),
        ("type A { b: Int! }", "type A { b: Int }", &["A.b has the type Int instead of Int!"]),
        ("type A { b: [Int!] }", "type A { b: [Int] }", &["A.b has the type [Int] instead of [Int!]"]),
        ("type A { b: Int }", "type A { b: String }", &["A.b has the type String instead of Int"]),
        ("type A { b: Int }", "type A { b: Int! c: Int }", &[]),
        ("type A { b(c: Int): Int }", "type A { b: Int }", &["A.b:c was removed"]),
        ("type A { b: Int }", "type A { b(c: Int!): Int }", &["A.b:c was added and is required"]),
        ("type A { b: Int }", "type A { b(c: Int! = 1, d: Int): Int }", &[]),
        (
            "type A { b(c: Int): Int }",
            "type A { b(c: Int!): Int }",
            &["A.b:c has the type Int! instead of Int"],
        ),
        ("type A { b(c: Int!): Int }", "type A { b(c: Int): Int }", &[]),
        ("type A { b(c: Int = 1): Int }", "type A { b(c: Int = 2): Int }", &["A.b:c has another default"]),
        ("enum A { B C }", "enum A { B D }", &["A.C was removed"]),
        ("input A { b: Int }", "input A { b: Int c: Int! }", &["A.c was added and is required"]),
        (
            "input A { b: Int c: Int }",
            "input A { c: Int! }",
            &["A.b was removed", "A.c has the type Int! instead of Int"],
        ),
        ("input A { b: Int! }", "input A { b: Int c: Int }", &[]),
        ("type A implements N { id: ID }", "type A { id: ID }", &["A.N was removed"]),
        ("union A = B | C", "union A = B", &["A.C was removed"]),
        ("type A { b: Int }", "interface A { b: Int }", &["A is another kind of type"]),
    ] {
        assert_eq!(breaking_changes(old, new), changes, "{old} -> {new}");
    }
}
