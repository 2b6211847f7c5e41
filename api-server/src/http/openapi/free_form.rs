//! The schemas of JSON objects of tenants. Without `additionalProperties`, generators of clients make types without any field of
//! objects that have no properties.

use utoipa::openapi::{
    Components, RefOr, Schema,
    schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
};

/// Marks all objects without properties as open for any field.
pub(super) fn mark(components: &mut Components) {
    components.schemas.values_mut().for_each(mark_schema);
}

fn mark_schema(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => mark_object(object),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                mark_schema(items);
            }
        }
        Schema::AllOf(parts) => parts.items.iter_mut().for_each(mark_schema),
        Schema::OneOf(parts) => parts.items.iter_mut().for_each(mark_schema),
        Schema::AnyOf(parts) => parts.items.iter_mut().for_each(mark_schema),
        // The enum is open; there is no other kind in OpenAPI 3.1.
        _ => {}
    }
}

fn mark_object(object: &mut Object) {
    object.properties.values_mut().for_each(mark_schema);
    if is_object(&object.schema_type)
        && object.properties.is_empty()
        && object.additional_properties.is_none()
    {
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
    }
}

fn is_object(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(kind) => *kind == Type::Object,
        SchemaType::Array(kinds) => kinds.contains(&Type::Object),
        SchemaType::AnyValue => false,
    }
}
