//! The JSON representation of a user.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::{
    app::{self, App, Error, groups::Group, users::is_active},
    auth::TenantScope,
    http::scim::response::Resource,
    store::{User, users::ProvisionedUser},
};

/// Maximum number of roles of a tenant, all of which are read for the names of a user's groups.
const MAX_GROUPS: usize = 1_000;

/// Names of the groups of a tenant by their IDs.
pub(super) struct GroupNames(HashMap<String, String>);

impl GroupNames {
    /// Reads the names.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub(super) async fn read(app: &App, scope: TenantScope) -> Result<Self, Error> {
        let all = app::groups::Selection::default();
        let (groups, _) = app::groups::list(app, scope, &all, 0, MAX_GROUPS, false).await?;
        Ok(Self(groups.into_iter().map(|Group { id, name, .. }| (id, name)).collect()))
    }
}

/// Returns the representation of a user.
pub(super) fn resource(user: ProvisionedUser, names: &GroupNames) -> Resource {
    let ProvisionedUser { user, user_name, given_name, family_name, external_id } = user;
    let active = is_active(&user);
    let User { id, email, display_name, status: _, picture_url: _, roles, version, created_at, updated_at } =
        user;
    let (location, version) = (format!("/scim/v2/Users/{id}"), version.to_string());
    let group = |role: &String| {
        let display = names.0.get(role)?;
        let location = format!("/scim/v2/Groups/{role}");
        Some(json!({"value": role, "display": display, "$ref": location, "type": "direct"}))
    };
    let groups: Vec<Value> = roles.iter().filter_map(group).collect();
    let mut json = Map::from_iter([
        ("schemas".to_owned(), json!(["urn:ietf:params:scim:schemas:core:2.0:User"])),
        ("id".to_owned(), json!(id)),
        ("userName".to_owned(), json!(user_name.as_ref().unwrap_or(&email))),
        ("active".to_owned(), json!(active)),
        ("emails".to_owned(), json!([{"value": email, "type": "work", "primary": true}])),
        ("groups".to_owned(), json!(groups)),
        (
            "meta".to_owned(),
            json!({
                "resourceType": "User",
                "created": created_at.to_jiff().to_string(),
                "lastModified": updated_at.to_jiff().to_string(),
                "location": location,
                "version": super::super::precondition::tag(&version),
            }),
        ),
    ]);
    let mut name = Map::new();
    for (field, value) in
        [("formatted", &display_name), ("givenName", &given_name), ("familyName", &family_name)]
    {
        name.extend(value.as_ref().map(|value| (field.to_owned(), json!(value))));
    }
    if !name.is_empty() {
        json.insert("name".to_owned(), Value::Object(name));
    }
    json.extend(display_name.map(|name| ("displayName".to_owned(), json!(name))));
    json.extend(external_id.map(|id| ("externalId".to_owned(), json!(id))));
    Resource { json, version: Some(version), location }
}
