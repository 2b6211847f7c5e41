//! The JSON representation of a group.

use serde_json::{Map, Value, json};

use crate::{
    app::groups::Group,
    http::scim::{precondition, response::Resource},
    store::users::RoleMember,
};

/// Returns the representation of a group.
pub(super) fn resource(group: Group) -> Resource {
    let version = group.version();
    let Group { id, name, external_id, role_version: _, times, members } = group;
    let location = format!("/scim/v2/Groups/{id}");
    let mut meta = Map::from_iter([
        ("resourceType".to_owned(), json!("Group")),
        ("location".to_owned(), json!(location)),
    ]);
    meta.extend(version.as_deref().map(|version| ("version".to_owned(), json!(precondition::tag(version)))));
    if let Some((created, updated)) = times {
        meta.insert("created".to_owned(), json!(created.to_jiff().to_string()));
        meta.insert("lastModified".to_owned(), json!(updated.to_jiff().to_string()));
    }
    let mut json = Map::from_iter([
        ("schemas".to_owned(), json!(["urn:ietf:params:scim:schemas:core:2.0:Group"])),
        ("id".to_owned(), json!(id)),
        ("displayName".to_owned(), json!(name)),
        ("meta".to_owned(), Value::Object(meta)),
    ]);
    let member = |RoleMember { role: _, user_id, name }: RoleMember| json!({"value": user_id, "display": name, "$ref": format!("/scim/v2/Users/{user_id}"), "type": "User"});
    json.extend(members.map(|members| ("members".to_owned(), members.into_iter().map(member).collect())));
    json.extend(external_id.map(|id| ("externalId".to_owned(), json!(id))));
    Resource { json, version, location }
}
