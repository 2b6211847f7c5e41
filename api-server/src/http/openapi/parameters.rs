//! The schemas of parameters. The generator lets an optional parameter be null, which no header and no query can express.

use utoipa::openapi::{
    RefOr, Schema,
    path::{Operation, Parameter},
    schema::{SchemaType, Type},
};

/// Removes null from the types of the parameters of an operation.
pub(super) fn remove_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(schema))), .. }) = parameter {
            remove_from(&mut schema.schema_type);
        }
    }
}

fn remove_from(schema_type: &mut SchemaType) {
    let SchemaType::Array(types) = schema_type else { return };
    types.retain(|kind| *kind != Type::Null);
    if let [only] = types.as_slice() {
        *schema_type = SchemaType::Type(only.clone());
    }
}
