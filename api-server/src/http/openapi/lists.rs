//! The schemas of pages. The generator repeats the schema of the items in each of them.

use utoipa::openapi::{
    Components, Ref, RefOr, Schema,
    schema::{ArrayItems, Object},
};

/// Prefix of the names of schemas of pages, which end with the name of the schema of their items.
const PREFIX: &str = "List_";

/// Replaces the repeated schemas by references, so that generated clients have one type for an item.
pub(super) fn refer_to_items(components: &mut Components) {
    let is_item = |name: &str| name.strip_prefix(PREFIX).map(str::to_owned);
    let items: Vec<String> = components.schemas.keys().filter_map(|name| is_item(name)).collect();
    for item in items.into_iter().filter(|item| components.schemas.contains_key(item)).collect::<Vec<_>>() {
        if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut(&format!("{PREFIX}{item}")) {
            refer_to_item(page, item);
        }
    }
}

fn refer_to_item(page: &mut Object, item: String) {
    if let Some(RefOr::T(Schema::Array(data))) = page.properties.get_mut("data") {
        data.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
    }
}
