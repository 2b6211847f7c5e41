use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::json;

use super::*;
use crate::permission::{Permission, Permissions, TENANT_ROLES};

const READ: Permission = Permission::WORKFLOW_READ;
const CREATE_RUN: Permission = Permission::WORKFLOW_RUN_CREATE;

fn policy(spec: serde_json::Value) -> Policy {
    serde_json::from_value::<PolicySpec>(spec).unwrap().validate().unwrap()
}

fn grants(specs: impl IntoIterator<Item = serde_json::Value>) -> Grants {
    Grants::new(specs.into_iter().map(|spec| sourced(policy(spec))).collect())
}

fn sourced(policy: Policy) -> SourcedPolicy {
    let policy_name = Some(("p".to_owned(), "policy".to_owned()));
    let source = Source { role: "r".to_owned(), role_name: "role".to_owned(), policy: policy_name };
    SourcedPolicy { source, policy }
}

fn codes(spec: serde_json::Value) -> Vec<(String, &'static str)> {
    let problems = serde_json::from_value::<PolicySpec>(spec).unwrap().validate().unwrap_err();
    problems.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
}

fn invoices() -> Workflow {
    let labels = BTreeMap::from([("team".to_owned(), "finance".to_owned())]);
    Workflow { name: "invoices".to_owned(), labels: Some(labels), owner: None }
}

/// An action is a node of the tree, with or without `.*`, and `*` is everything that a tenant has.
#[test]
fn actions_are_nodes_of_the_tree() {
    let run = Permissions::of_node("workflow.run").unwrap();
    for action in ["workflow.run", "workflow.run.*"] {
        assert_eq!(permissions_of_action(action), Some(run), "{action}");
    }
    assert_eq!(permissions_of_action("*"), Some(Permissions::of_tenant()));
    for action in
        ["", ".", "work", "workflow.", "workflow.read.*", "*.read", "workflow.*.read", "documents:*"]
    {
        assert_eq!(permissions_of_action(action), None, "{action}");
    }
}

/// Whatever a tenant writes, a policy has no permission on the platform.
#[test]
fn permissions_on_the_platform_are_no_actions() {
    let platform = Permissions::of_node("platform").unwrap();
    for action in ["platform", "platform.*", "platform.impersonate", "platform.tenant.read"] {
        assert_eq!(permissions_of_action(action), None, "{action}");
    }
    assert_eq!(permissions_of_action("*").unwrap().intersection(platform), Permissions::NONE);
    let forged = Policy { permissions: platform, ..policy(json!({"effect": "ALLOW", "actions": ["*"]})) };
    assert_eq!(Grants::new(vec![sourced(forged)]).unconditional(), Permissions::NONE);
    assert_eq!(
        Grants::built_in(&["platform-admin"]).rights(&Request::default()).possible.intersection(platform),
        Permissions::NONE
    );
}

/// Each error of a policy has the place and a code, so that it can be corrected at once.
#[test]
fn errors_have_their_places() {
    let spec = json!({
        "effect": "DENY", "actions": ["workflow.read", "nothing"],
        "resources": [{"kind": "WORKFLOW_NAME", "name": ""}, {"kind": "DOCUMENT_TAG", "tag": "a\nb"}],
        "conditions": [
            {"type": "IP_IN", "ranges": ["10.0.0.0/8", "10.0.0.0/99"]},
            {"type": "TIME_BETWEEN", "from": "8:00", "to": "17:00"},
            {"type": "TIME_BETWEEN", "from": "08:00", "to": "17:00", "timeZone": "Mars/Olympus"},
            {"type": "LABEL_IN", "key": "team", "values": []},
        ],
    });
    let expected = [
        ("/actions/1", "unknown_action"),
        ("/resources/0/name", "empty"),
        ("/resources/1/tag", "invalid"),
        ("/conditions/0/ranges/1", "invalid"),
        ("/conditions/1/from", "invalid"),
        ("/conditions/2/timeZone", "invalid"),
        ("/conditions/3/values", "empty"),
    ];
    assert_eq!(codes(spec), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    assert_eq!(codes(json!({"effect": "ALLOW", "actions": []})), [("/actions".to_owned(), "empty")]);
}

/// Lists and texts have a maximum size, so that a decision costs little whatever a tenant writes.
#[test]
fn sizes_are_bounded() {
    let many = |count: usize| vec!["workflow.read"; count];
    assert_eq!(
        codes(json!({"effect": "ALLOW", "actions": many(MAX_ACTIONS + 1)})),
        [("/actions".to_owned(), "too_many")]
    );
    policy(json!({"effect": "ALLOW", "actions": many(MAX_ACTIONS)}));
    let values = vec!["a"; MAX_VALUES + 1];
    let spec =
        json!({"effect": "ALLOW", "actions": ["*"], "conditions": [{"type": "TAG_IN", "values": values}]});
    assert_eq!(codes(spec), [("/conditions/0/values".to_owned(), "too_many")]);
    let long = "x".repeat(MAX_VALUE_BYTES + 1);
    let spec =
        json!({"effect": "ALLOW", "actions": ["*"], "resources": [{"kind": "DOCUMENT_TAG", "tag": long}]});
    assert_eq!(codes(spec), [("/resources/0/tag".to_owned(), "too_long")]);
    assert!(check_name(&"ä".repeat(MAX_NAME_CHARS)).is_ok());
    for name in ["", " a", "a ", "a\u{7}b", &"ä".repeat(MAX_NAME_CHARS + 1)] {
        assert!(check_name(name).is_err(), "{name}");
    }
    assert!(check_description(&"x".repeat(MAX_DESCRIPTION_CHARS + 1)).is_err());
}

/// A field that a policy does not have is an error instead of a condition that is silently missing.
#[test]
fn unknown_fields_are_errors() {
    for spec in [
        json!({"effect": "ALLOW", "actions": ["*"], "condition": []}),
        json!({"effect": "ALLOW", "actions": ["*"], "conditions": [{"type": "MFA", "required": true}]}),
        json!({"effect": "ALLOW", "actions": ["*"], "resources": [{"kind": "WORKFLOW_NAME", "name": "a", "tag": "b"}]}),
    ] {
        assert!(serde_json::from_value::<PolicySpec>(spec.clone()).is_err(), "{spec}");
    }
}

/// A denial takes precedence over every allowance, also over that of another role.
#[test]
fn denials_take_precedence() {
    let deny = policy(
        json!({"effect": "DENY", "actions": ["workflow.*"], "resources": [{"kind": "WORKFLOW_NAME", "name": "salaries"}]}),
    );
    let owner = Grants::built_in(&["owner"]);
    let policies = owner.policies().iter().cloned().chain([sourced(deny)]).collect();
    let (grants, request) = (Grants::new(policies), Request::default());
    let salaries = Workflow { name: "salaries".to_owned(), ..invoices() };
    assert!(!grants.allows(READ, &request, Resource::Workflow(&salaries)));
    assert!(grants.allows(READ, &request, Resource::Workflow(&invoices())));
    assert_eq!(grants.rights(&request).certainty(READ), Certainty::Depends);
    assert_eq!(grants.rights(&request).certainty(Permission::USAGE_READ), Certainty::Always);
}

/// What cannot be decided grants nothing: an allowance does not apply, and a denial does.
#[test]
fn undecided_conditions_grant_nothing() {
    let unlabelled = Workflow { labels: None, ..invoices() };
    let request = Request::default();
    for condition in [
        json!({"type": "LABEL_IN", "key": "team", "values": ["finance"]}),
        json!({"type": "OWNER_IS_PRINCIPAL"}),
        json!({"type": "IP_IN", "ranges": ["0.0.0.0/0", "::/0"]}),
        json!({"type": "TIME_BETWEEN", "from": "00:00", "to": "00:00"}),
        json!({"type": "MFA"}),
    ] {
        let spec =
            |effect| json!({"effect": effect, "actions": ["workflow.read"], "conditions": [condition]});
        let all = json!({"effect": "ALLOW", "actions": ["*"]});
        let resource = Resource::Workflow(&unlabelled);
        assert!(!grants([spec("ALLOW")]).allows(READ, &request, resource), "{condition}");
        let denied = grants([all, spec("DENY")]);
        assert!(!denied.allows(READ, &request, resource), "{condition}");
        assert_eq!(denied.explain(READ, &request, resource).reason, Reason::DeniedUndecided, "{condition}");
    }
}

/// A range of times excludes its end, may include midnight, and is in its own time zone.
#[test]
fn time_ranges_are_in_their_time_zone() {
    let allows = |condition: serde_json::Value, time: &str| {
        let grants =
            grants([json!({"effect": "ALLOW", "actions": ["usage.read"], "conditions": [condition]})]);
        let request = Request { time: Some(time.parse().unwrap()), ..Request::default() };
        grants.allows(Permission::USAGE_READ, &request, Resource::None)
    };
    let office = json!({"type": "TIME_BETWEEN", "from": "08:00", "to": "17:30", "timeZone": "Europe/Berlin"});
    assert!(allows(office.clone(), "2026-11-30T07:00:00Z"));
    assert!(!allows(office.clone(), "2026-11-30T06:59:59Z"));
    assert!(!allows(office, "2026-11-30T16:30:00Z"));
    let night = json!({"type": "TIME_BETWEEN", "from": "22:00", "to": "06:00"});
    assert!(allows(night.clone(), "2026-11-30T23:00:00Z") && allows(night.clone(), "2026-11-30T05:59:00Z"));
    assert!(!allows(night, "2026-11-30T06:00:00Z"));
}

/// A range of addresses matches an IPv4 address also if a socket for both families has received it.
#[test]
fn mapped_addresses_match_their_range() {
    let grants = grants([json!({"effect": "ALLOW", "actions": ["usage.read"],
                               "conditions": [{"type": "IP_IN", "ranges": ["192.0.2.0/24", "2001:db8::1"]}]})]);
    for (address, expected) in [
        ("192.0.2.7", true),
        ("::ffff:192.0.2.7", true),
        ("198.51.100.1", false),
        ("2001:db8::1", true),
        ("2001:db8::2", false),
    ] {
        let request = Request { address: Some(address.parse().unwrap()), ..Request::default() };
        assert_eq!(grants.allows(Permission::USAGE_READ, &request, Resource::None), expected, "{address}");
    }
}

/// An explanation names the policy that decided, or says what was missing.
#[test]
fn explanations_name_the_policy_that_decided() {
    let team = json!({"effect": "ALLOW", "actions": ["workflow.run"],
                      "conditions": [{"type": "LABEL_IN", "key": "team", "values": ["sales"]}]});
    let grants = grants([team, json!({"effect": "ALLOW", "actions": ["workflow.read"]})]);
    let (request, invoices) = (Request::default(), invoices());
    let resource = Resource::Workflow(&invoices);
    let read = grants.explain(READ, &request, resource);
    assert_eq!((read.allowed, read.reason, read.decided_by.len()), (true, Reason::Allowed, 1));
    let run = grants.explain(CREATE_RUN, &request, resource);
    assert_eq!((run.allowed, run.reason), (false, Reason::ConditionsNotMet));
    assert_eq!(run.not_applicable, [(&grants.policies()[0], Truth::False)]);
    assert_eq!(grants.explain(Permission::AUDIT_READ, &request, resource).reason, Reason::NotGranted);
}

/// The built-in roles as policies grant exactly what the table of roles says.
#[test]
fn built_in_roles_are_policies_without_conditions() {
    for role in TENANT_ROLES {
        let grants = Grants::built_in(&[role]);
        assert_eq!(grants.unconditional(), Permissions::of_roles(&[role]));
        assert!(!grants.has_conditions());
    }
}

const NAMES: &[&str] = &["a", "b"];
const ACTIONS: &[&str] =
    &["*", "workflow.*", "workflow.run", "workflow.read", "document", "chunk.read", "usage.read"];

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        select(NAMES).prop_map(|name| Selector::WorkflowName { name: name.to_owned() }),
        (select(NAMES), select(NAMES)).prop_map(|(key, value)| Selector::WorkflowLabel {
            key: key.to_owned(),
            value: value.to_owned()
        }),
        select(NAMES).prop_map(|tag| Selector::DocumentTag { tag: tag.to_owned() }),
    ]
}

fn values() -> impl Strategy<Value = Vec<String>> {
    vec(select(NAMES).prop_map(str::to_owned), 1..3)
}

fn condition() -> impl Strategy<Value = ConditionSpec> {
    prop_oneof![
        Just(ConditionSpec::OwnerIsPrincipal {}),
        Just(ConditionSpec::Mfa {}),
        (select(NAMES), values())
            .prop_map(|(key, values)| ConditionSpec::LabelIn { key: key.to_owned(), values }),
        values().prop_map(|values| ConditionSpec::TagIn { values }),
        Just(ConditionSpec::IpIn { ranges: vec!["192.0.2.0/24".to_owned()] }),
        Just(ConditionSpec::TimeBetween {
            from: "08:00".to_owned(),
            to: "17:00".to_owned(),
            time_zone: None
        }),
    ]
}

fn spec() -> impl Strategy<Value = PolicySpec> {
    let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Deny)];
    let actions = vec(select(ACTIONS).prop_map(str::to_owned), 1..3);
    (effect, actions, vec(selector(), 0..3), vec(condition(), 0..3)).prop_map(
        |(effect, actions, resources, conditions)| PolicySpec { effect, actions, resources, conditions },
    )
}

fn policies() -> impl Strategy<Value = Vec<SourcedPolicy>> {
    vec(spec().prop_map(|spec| sourced(spec.validate().expect("the generated values are valid"))), 0..6)
}

fn request() -> impl Strategy<Value = Request> {
    let address = option::of(prop_oneof![Just("192.0.2.1"), Just("198.51.100.1")]);
    let time = option::of(prop_oneof![Just("2026-11-30T12:00:00Z"), Just("2026-11-30T20:00:00Z")]);
    (option::of(select(NAMES)), address, time, option::of(any::<bool>())).prop_map(
        |(principal, address, time, mfa)| Request {
            principal: principal.map(str::to_owned),
            address: address.map(|address| address.parse().expect("an address")),
            time: time.map(|time| time.parse().expect("a time")),
            mfa,
        },
    )
}

#[derive(Clone, Debug)]
enum OwnedResource {
    None,
    Workflow(Workflow),
    Document(Document),
}

impl OwnedResource {
    fn get(&self) -> (Resource<'_>, ResourceKind) {
        match self {
            Self::None => (Resource::None, ResourceKind::None),
            Self::Workflow(workflow) => (Resource::Workflow(workflow), ResourceKind::Workflow),
            Self::Document(document) => (Resource::Document(document), ResourceKind::Document),
        }
    }
}

fn resource() -> impl Strategy<Value = OwnedResource> {
    let name = || select(NAMES).prop_map(str::to_owned);
    let labels = option::of(proptest::collection::btree_map(name(), name(), 0..3));
    let tags =
        option::of(proptest::collection::btree_set(name(), 0..3).prop_map(|tags: BTreeSet<String>| tags));
    prop_oneof![
        Just(OwnedResource::None),
        (name(), labels, option::of(name()))
            .prop_map(|(name, labels, owner)| OwnedResource::Workflow(Workflow { name, labels, owner })),
        (tags, option::of(name()))
            .prop_map(|(tags, owner)| OwnedResource::Document(Document { tags, owner })),
    ]
}

proptest! {
    /// What is always granted is granted for every resource, and what is never granted for none.
    #[test]
    fn rights_before_the_resource_is_known_are_bounds(policies in policies(), request in request(), resource in resource()) {
        let grants = Grants::new(policies);
        let (resource, kind) = resource.get();
        let rights = grants.rights(&request);
        for permission in Permission::all().filter(|permission| ResourceKind::for_permission(*permission) == kind) {
            let allowed = grants.allows(permission, &request, resource);
            match rights.certainty(permission) {
                Certainty::Always => prop_assert!(allowed, "{permission} is always granted"),
                Certainty::Never => prop_assert!(!allowed, "{permission} is never granted"),
                Certainty::Depends => prop_assert!(grants.is_conditional(permission), "{permission} depends on nothing"),
            }
            if !grants.is_conditional(permission) {
                prop_assert_eq!(grants.unconditional().allows(permission), allowed);
            }
        }
    }

    /// A further denial never grants anything, and a further allowance never takes anything away.
    #[test]
    fn effects_are_monotonic(policies in policies(), further in spec(), request in request(), resource in resource()) {
        let effect = further.effect;
        let more = policies.iter().cloned().chain([sourced(further.validate().expect("valid"))]).collect();
        let (before, after) = (Grants::new(policies), Grants::new(more));
        for permission in Permission::all() {
            let allowed = |grants: &Grants| grants.allows(permission, &request, resource.get().0);
            match effect {
                Effect::Deny => prop_assert!(allowed(&before) || !allowed(&after)),
                Effect::Allow => prop_assert!(!allowed(&before) || allowed(&after)),
            }
        }
    }

    /// The explanation of a decision has the same decision.
    #[test]
    fn explanations_agree_with_decisions(policies in policies(), request in request(), resource in resource()) {
        let grants = Grants::new(policies);
        for permission in Permission::all() {
            let explanation = grants.explain(permission, &request, resource.get().0);
            prop_assert_eq!(explanation.allowed, grants.allows(permission, &request, resource.get().0));
            prop_assert_eq!(explanation.allowed, explanation.reason == Reason::Allowed);
        }
    }

    /// A value that becomes known never takes an allowance away that was granted without it.
    #[test]
    fn unknown_values_grant_nothing(policies in policies(), request in request(), resource in resource()) {
        let grants = Grants::new(policies);
        let unknown = Request { address: None, time: None, mfa: None, ..request.clone() };
        for permission in Permission::all() {
            let allows = |request| grants.allows(permission, request, resource.get().0);
            prop_assert!(!allows(&unknown) || allows(&request));
        }
    }

    /// A policy that is stored is read as it was.
    #[test]
    fn policies_survive_storage(spec in spec()) {
        let stored = serde_json::to_value(&spec).expect("serializable");
        prop_assert_eq!(serde_json::from_value::<PolicySpec>(stored).expect("readable"), spec);
    }

    /// Any text is either an action or an error, and never a permission on the platform.
    #[test]
    fn any_text_is_no_permission_on_the_platform(action in "\\PC{0,40}|[a-z.*]{0,30}") {
        if let Some(permissions) = permissions_of_action(&action) {
            prop_assert!(Permissions::of_tenant().covers(permissions));
        }
    }
}
