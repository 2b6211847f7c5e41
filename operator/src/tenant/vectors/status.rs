//! The condition `VectorStoreReady` and the names of the vector storage. Pure.

use std::time::Duration;

use crds::{
    Tenant, TenantStatus,
    conditions::{self, ConditionUpdate},
    tenant::TenantVectors,
};
use domain::vectors::{Mismatch, Owner, model_names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{apply::Applied, plan::Refusal};
use crate::qdrant::{Failure, ProvisionError};

/// Outcome of the set-up of a tenant's vector storage.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The installation has no vector database.
    NotConfigured,
    /// The names are chosen, and the set-up begins.
    SettingUp,
    /// The set-up is complete.
    Ready(Applied),
    /// The plan cannot be applied.
    Refused(Refusal),
    /// The set-up has failed.
    Failed(ProvisionError),
    /// The set-up has taken too long.
    TimedOut(Duration),
}

/// When the set-up is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// At the next regular check, or when the tenant or its plan changes.
    AtCheck,
    /// After a delay that grows with each failure.
    WithBackoff,
}

impl Outcome {
    /// Returns when the set-up is repeated.
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::NotConfigured | Self::SettingUp | Self::Ready(_) | Self::Refused(_) => Retry::AtCheck,
            Self::Failed(_) | Self::TimedOut(_) => Retry::WithBackoff,
        }
    }
}

/// Returns the fields to write, or `None` if the tenant has them already. Without `names`, those of the tenant remain.
pub(super) fn update(
    tenant: &Tenant,
    names: Option<TenantVectors>,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<TenantStatus> {
    let status = tenant.status.clone().unwrap_or_default();
    let old = conditions::get(&status.conditions, conditions::VECTOR_STORE_READY).cloned();
    let old = TenantStatus {
        vectors: status.vectors.clone(),
        conditions: old.into_iter().collect(),
        ..TenantStatus::default()
    };
    let mut new = TenantStatus { vectors: names.or(status.vectors), ..old.clone() };
    conditions::set(&mut new.conditions, condition(tenant, outcome), Time(now));
    (new != old).then_some(new)
}

fn condition<'a>(tenant: &Tenant, outcome: &'a Outcome) -> ConditionUpdate<'a> {
    let (status, (reason, message)) = match outcome {
        Outcome::NotConfigured => (conditions::FALSE, not_configured()),
        Outcome::SettingUp => {
            (conditions::UNKNOWN, ("SettingUp", "the vector storage is being set up".to_owned()))
        }
        Outcome::Ready(Applied { collection }) => {
            (conditions::TRUE, ("Ready", format!("collection {collection} is up to date")))
        }
        Outcome::Refused(refusal) => (conditions::FALSE, refused(refusal)),
        Outcome::Failed(error) => (conditions::FALSE, failed(error)),
        Outcome::TimedOut(limit) => {
            let message = format!("the set-up has taken more than {} s; it is repeated", limit.as_secs());
            (conditions::FALSE, ("Unavailable", message))
        }
    };
    let generation = tenant.metadata.generation;
    ConditionUpdate { kind: conditions::VECTOR_STORE_READY, status, reason, message, generation }
}

fn not_configured() -> (&'static str, String) {
    let message = "this installation has no vector database: set qdrant.url in the values of the chart";
    ("NotConfigured", message.to_owned())
}

fn refused(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::UnknownModel(model) => {
            let known = model_names().join(", ");
            (
                "UnknownModel",
                format!(
                    "there is no embedding model {model}: name one of {known} in the plan's spec.vectors.model"
                ),
            )
        }
        Refusal::Moved(found) => {
            let message = format!("the tenant's vectors are not moved: {}", describe(found, "the plan"));
            ("ImmutableFieldMismatch", message)
        }
    }
}

fn failed(error: &ProvisionError) -> (&'static str, String) {
    match error {
        ProvisionError::Failed(error) => {
            let reason = match &error.failure {
                Failure::Unauthorized(_) => "Unauthorized",
                Failure::Refused(_) => "Refused",
                Failure::Unavailable(_) | Failure::NotFound(_) | Failure::AlreadyExists(_) => "Unavailable",
            };
            (reason, error.to_string())
        }
        ProvisionError::NotOurs(collection, owner) => {
            let message = format!(
                "collection {collection} exists and belongs to {}; it is not used: delete or rename it",
                describe_owner(owner.as_ref())
            );
            ("CollectionNotOurs", message)
        }
        ProvisionError::Immutable(collection, found) => {
            let message =
                format!("collection {collection} is not changed: {}", describe(found, "the platform"));
            ("ImmutableFieldMismatch", message)
        }
        ProvisionError::AliasTaken { alias, collection } => {
            let message =
                format!("alias {alias} names collection {collection}, which is not ours: delete the alias");
            ("AliasTaken", message)
        }
    }
}

fn describe(found: &[Mismatch], who: &str) -> String {
    let each = found.iter().map(|Mismatch { property, desired, found }| {
        format!("{property} is {found}, and {who} requires {desired}")
    });
    each.collect::<Vec<_>>().join("; ")
}

fn describe_owner(owner: Option<&Owner>) -> String {
    match owner {
        None => "nobody that is known to this installation".to_owned(),
        Some(Owner { installation, tenant: None }) => format!("installation {installation}"),
        Some(Owner { installation, tenant: Some(uid) }) => {
            format!("the tenant with UID {uid} of installation {installation}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(status: TenantStatus) -> Tenant {
        let mut tenant = Tenant::new("acme", Default::default());
        tenant.metadata.generation = Some(2);
        tenant.status = Some(status);
        tenant
    }

    fn written(outcome: &Outcome) -> String {
        let status = update(&tenant(TenantStatus::default()), None, outcome, Timestamp::UNIX_EPOCH).unwrap();
        let condition = &status.conditions[0];
        assert_eq!(condition.observed_generation, Some(2));
        format!("{} {}: {}", condition.status, condition.reason, condition.message)
    }

    /// Both values of an immutable property are in the message.
    #[test]
    fn both_values_of_an_immutable_property_are_reported() {
        let found = Mismatch {
            property: "dense",
            desired: "384 dimensions".to_owned(),
            found: "768 dimensions".to_owned(),
        };
        let error = ProvisionError::Immutable("kb-minilm-v1".to_owned(), vec![found]);
        assert_eq!(
            written(&Outcome::Failed(error)),
            "False ImmutableFieldMismatch: collection kb-minilm-v1 is not changed: dense is 768 dimensions, and the platform \
             requires 384 dimensions"
        );
    }

    /// What the user can do is in the message.
    #[test]
    fn a_missing_database_is_reported_with_what_to_do() {
        assert!(
            written(&Outcome::NotConfigured).starts_with("False NotConfigured: this installation has no")
        );
        let unknown = Outcome::Refused(Refusal::UnknownModel("e5".to_owned()));
        assert!(written(&unknown).contains("name one of minilm in the plan's spec.vectors.model"));
    }

    /// A set-up that changes nothing writes nothing, and the names remain.
    #[test]
    fn an_unchanged_condition_is_not_written() {
        let names = TenantVectors { collection: Some("kb-minilm-v1".to_owned()), ..Default::default() };
        let ready = Outcome::Ready(Applied { collection: "kb-minilm-v1".to_owned() });
        let epoch = Timestamp::UNIX_EPOCH;
        let first = update(&tenant(TenantStatus::default()), Some(names.clone()), &ready, epoch).unwrap();
        assert_eq!(first.vectors, Some(names));
        assert_eq!(update(&tenant(first.clone()), None, &ready, epoch), None);
        let failed = update(&tenant(first), None, &Outcome::NotConfigured, epoch).unwrap();
        assert!(failed.vectors.is_some());
    }
}
