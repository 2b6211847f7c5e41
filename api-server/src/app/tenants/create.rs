//! Creating tenants.

use std::collections::BTreeMap;

use crds::{Tenant as TenantObject, TenantSpec, labels::CREATED_BY_REQUEST};
use kube::{Api, api::ObjectMeta};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{settings, update::with_request_fields};
use crate::{
    app::{
        App, Error, Violation, audit,
        change_object::Declared as _,
        created_by_request::{check_existing, mark},
        creation::{Creation, create as create_object},
        idempotency::{IdempotencyKey, Outcome},
        kubernetes::write_permit,
    },
    auth::PlatformScope,
    mirror,
    store::{PlatformTx, Tenant, tenants},
};

const ACTION: &str = "create the tenant";
/// Maximum length of a slug, as in the CustomResourceDefinition.
const MAX_SLUG: usize = 40;

/// Parameters of a new tenant.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name of the Tenant in Kubernetes and in tokens.
    pub slug: String,
    /// Fields of its spec.
    pub fields: Map<String, Value>,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a tenant in Kubernetes and returns it, or the tenant that an earlier attempt of the same request created.
///
/// # Errors
/// Returns an error if there is a tenant of this slug; if the request is not valid; or if the Kubernetes API or the database
/// fails.
pub async fn create(app: &App, scope: PlatformScope, create: Create) -> Result<(Tenant, Outcome), Error> {
    let object = object(&create)?;
    let _permit = write_permit(app, Uuid::nil(), ACTION).await?;
    let api = Api::<TenantObject>::all(app.kube.clone());
    let created = create_object(&api, &object, ACTION, false).await.map_err(with_request_fields)?;
    let (object, outcome) = match created {
        Creation::Created(object) => (object, Outcome::Created),
        Creation::Exists(existing) => (check_existing(ACTION, existing, &object)?, Outcome::Replayed),
    };
    mirror::apply_one(&app.mirror, &object).await?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let tenant = tenants::of_slug(&mut tx, &create.slug).await?.ok_or(Error::NotFound)?;
    audit::record_object(TenantObject::AUDIT_KIND, Some(tenant.id), &tenant.slug);
    Ok((tenant, outcome))
}

fn object(create: &Create) -> Result<TenantObject, Error> {
    let Create { slug, fields, requested_by, key } = create;
    check_slug(slug)?;
    let fields = Value::Object(fields.clone());
    let spec = settings::check(ACTION, &fields)?;
    let spec = TenantSpec::deserialize(spec).map_err(|error| invalid("", error.to_string()))?;
    let mark = key.as_ref().map(|key| mark(&["platform", requested_by, key.as_str()], &(slug, &fields)));
    let metadata = ObjectMeta {
        name: Some(slug.clone()),
        annotations: mark.map(|mark| BTreeMap::from([(CREATED_BY_REQUEST.to_owned(), mark)])),
        ..ObjectMeta::default()
    };
    Ok(TenantObject { metadata, spec, status: None })
}

/// Checks the form of a slug. The API server repeats the check.
fn check_slug(slug: &str) -> Result<(), Error> {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_valid = slug.len() <= MAX_SLUG
        && slug.bytes().all(|letter| is_inner(letter) || letter == b'-')
        && slug.bytes().next().is_some_and(|letter| letter.is_ascii_lowercase())
        && slug.bytes().next_back().is_some_and(is_inner);
    let message = "must be 1 to 40 lower-case letters, digits and hyphens, begin with a letter and end with a letter or digit";
    if is_valid { Ok(()) } else { Err(invalid("/slug", message.to_owned())) }
}

fn invalid(pointer: &str, message: String) -> Error {
    let violation = Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message };
    Error::InvalidTenant { action: ACTION, violations: vec![violation] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slugs that Kubernetes would refuse are refused at once.
    #[test]
    fn slugs_of_another_form_are_refused() {
        for slug in ["a", "acme-bakery", "a1", &"a".repeat(40)] {
            assert!(check_slug(slug).is_ok(), "{slug}");
        }
        for slug in ["", "1a", "-a", "a-", "a.b", "A", "a b", "ä", &"a".repeat(41)] {
            assert!(check_slug(slug).is_err(), "{slug}");
        }
    }
}
