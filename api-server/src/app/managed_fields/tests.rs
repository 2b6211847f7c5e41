//! Tests of changes of objects that several tools manage.

use serde_json::json;

use super::*;

/// Returns the metadata of an object with these managers: name, operation and fields of the spec.
fn metadata(managers: &[(&str, &str, Value)]) -> ObjectMeta {
    let entries = managers.iter().map(|(manager, operation, spec)| {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": spec}})
    });
    serde_json::from_value(json!({"managedFields": entries.collect::<Vec<_>>()})).unwrap()
}

fn own(spec: Value) -> ObjectMeta {
    metadata(&[(OWN_MANAGER, "Apply", spec)])
}

fn argo(spec: Value) -> ObjectMeta {
    metadata(&[("argocd-controller", "Apply", spec)])
}

fn applied(metadata: &ObjectMeta, current: &Value, desired: &Value) -> Value {
    match plan(metadata, current, desired) {
        Ok(Change::Apply(applied)) => applied.spec,
        other => panic!("{other:?}"),
    }
}

fn managed(metadata: &ObjectMeta, current: &Value, desired: &Value) -> Vec<String> {
    let fields = plan(metadata, current, desired).unwrap_err();
    fields.iter().map(|field| format!("{} {field}", field.pointer)).collect()
}

fn step(name: &str, value: i64) -> Value {
    json!({"name": name, "expr": {"value": value}})
}

fn step_fields() -> Value {
    json!({".": {}, "f:name": {}, "f:expr": {"f:value": {}}})
}

/// Equal specs need no write.
#[test]
fn equal_specs_need_no_write() {
    let spec = json!({"timeout": "5m"});
    assert_eq!(plan(&argo(json!({"f:timeout": {}})), &spec, &spec), Ok(Change::None));
}

/// What the API has set before stays applied, a removed field is left out, and a new one is added.
#[test]
fn own_fields_are_applied_with_their_new_values() {
    let fields = json!({"f:timeout": {}, "f:description": {}, "f:runners": {"f:warm": {}}});
    let current = json!({"timeout": "5m", "description": "old", "runners": {"warm": 1}});
    let desired = json!({"timeout": "5m", "description": "new", "displayName": "Orders"});
    assert_eq!(applied(&own(fields), &current, &desired), desired);
}

/// A field that nobody has set can be set beside a tool that manages the rest, and nothing of the rest is applied.
#[test]
fn a_field_that_nobody_manages_can_be_set() {
    let fields = json!({"f:steps": {"k:{\"name\":\"one\"}": step_fields()}});
    let current = json!({"steps": [step("one", 1)]});
    let desired = json!({"steps": [step("one", 1)], "timeout": "5m"});
    assert_eq!(applied(&argo(fields.clone()), &current, &desired), json!({"timeout": "5m"}));
    // A further step, and a field of a step, likewise.
    let desired = json!({"steps": [step("one", 1), step("two", 2)]});
    assert_eq!(applied(&argo(fields.clone()), &current, &desired), json!({"steps": [step("two", 2)]}));
    let desired = json!({"steps": [{"name": "one", "expr": {"value": 1}, "when": "true"}]});
    assert_eq!(
        applied(&argo(fields), &current, &desired),
        json!({"steps": [{"name": "one", "when": "true"}]})
    );
}

/// A change of a field that another tool manages is refused with the tool and the field, whether it is changed, removed or
/// becomes another type; in an item of a list, and below a value that is managed as a whole.
#[test]
fn fields_of_others_are_refused_with_their_manager() {
    let fields = json!({"f:timeout": {}, "f:runners": {"f:warm": {}}, "f:output": {}});
    let current = json!({"timeout": "5m", "runners": {"warm": 1}, "output": {"a": {"b": 1}}});
    for (desired, expected) in [
        (json!({"timeout": "6m"}), "/timeout argocd-controller manages spec.timeout"),
        (json!({"timeout": null}), "/timeout argocd-controller manages spec.timeout"),
        (json!({"runners": null}), "/runners argocd-controller manages spec.runners"),
        (json!({"runners": {"warm": 2}}), "/runners/warm argocd-controller manages spec.runners.warm"),
        (json!({"output": {"a": {"b": 2}}}), "/output/a/b argocd-controller manages spec.output.a.b"),
        (json!({"output": [1]}), "/output argocd-controller manages spec.output"),
    ] {
        let mut changed = current.clone();
        for (name, value) in desired.as_object().unwrap() {
            match value {
                Value::Null => drop(changed.as_object_mut().unwrap().remove(name)),
                value => changed[name] = value.clone(),
            }
        }
        assert_eq!(managed(&argo(fields.clone()), &current, &changed), [expected], "{desired}");
    }
}

/// Items of a list are compared by their keys, in any order.
#[test]
fn items_of_lists_are_compared_by_their_keys() {
    let ours = json!({"f:steps": {"k:{\"name\":\"two\"}": step_fields()}});
    let theirs = json!({"f:steps": {"k:{\"name\":\"one\"}": step_fields()}});
    let both = metadata(&[(OWN_MANAGER, "Apply", ours), ("flux", "Apply", theirs)]);
    let current = json!({"steps": [step("one", 1), step("two", 2)]});
    let reversed = json!({"steps": [step("two", 3), step("one", 1)]});
    assert_eq!(applied(&both, &current, &reversed), json!({"steps": [step("two", 3)]}));
    let removed = json!({"steps": [step("one", 1)]});
    assert_eq!(applied(&both, &current, &removed).get("steps"), None);
    let foreign = json!({"steps": [step("two", 2)]});
    assert_eq!(managed(&both, &current, &foreign), ["/steps/0 flux manages spec.steps[name=\"one\"]"]);
}

/// A field that several tools manage is refused with each of them, also if the API is one of them.
#[test]
fn every_other_manager_is_named() {
    let timeout = || json!({"f:timeout": {}});
    let managers = [
        ("kubectl-edit", "Update", timeout()),
        (OWN_MANAGER, "Apply", timeout()),
        ("flux", "Apply", timeout()),
    ];
    let refused = managed(&metadata(&managers), &json!({"timeout": "5m"}), &json!({"timeout": "6m"}));
    assert_eq!(refused, ["/timeout kubectl-edit manages spec.timeout", "/timeout flux manages spec.timeout"]);
}

/// A field without a recorded manager can be replaced, but not removed: server-side apply would not remove it.
#[test]
fn a_field_without_a_manager_cannot_be_removed() {
    let none = ObjectMeta::default();
    let (current, changed) = (json!({"timeout": "5m"}), json!({"timeout": "6m"}));
    assert_eq!(applied(&none, &current, &changed), changed);
    assert_eq!(managed(&none, &current, &json!({})), ["/timeout spec.timeout has no recorded manager"]);
}

/// Managers of the status have no say in the spec.
#[test]
fn managers_of_the_status_are_ignored() {
    let mut operator = argo(json!({"f:timeout": {}}));
    operator.managed_fields.as_mut().unwrap()[0].subresource = Some("status".to_owned());
    let changed = json!({"timeout": "6m"});
    assert_eq!(applied(&operator, &json!({"timeout": "5m"}), &changed), changed);
}

/// Annotations that the API has set stay applied.
#[test]
fn own_annotations_stay_applied() {
    let object: ObjectMeta = serde_json::from_value(json!({
        "annotations": {"smbcopilot.dev/created-by-request": "7", "team": "bakery"},
        "managedFields": [{"manager": OWN_MANAGER, "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {
            ".": {}, "f:smbcopilot.dev/created-by-request": {},
        }}}}],
    }))
    .unwrap();
    let Ok(Change::Apply(applied)) = plan(&object, &json!({}), &json!({"timeout": "5m"})) else { panic!() };
    assert_eq!(applied.metadata, json!({"annotations": {"smbcopilot.dev/created-by-request": "7"}}));
}

/// The creation of an object is adopted once, together with what was applied since; the entries of others stay.
#[test]
fn the_creation_is_adopted_once() {
    let created = metadata(&[
        (OWN_MANAGER, "Update", json!({".": {}, "f:timeout": {}})),
        (OWN_MANAGER, "Apply", json!({"f:description": {}})),
        ("flux", "Apply", json!({"f:output": {}})),
    ]);
    let adopted = adopt_creation(&created).unwrap();
    let summary: Vec<_> = adopted
        .iter()
        .map(|entry| {
            (entry.manager.clone().unwrap(), entry.operation.clone().unwrap(), fields(entry).unwrap().clone())
        })
        .collect();
    let own = json!({"f:spec": {".": {}, "f:timeout": {}, "f:description": {}}});
    assert_eq!(summary.len(), 2);
    assert_eq!(summary[0].0, "flux");
    assert_eq!(summary[1], (OWN_MANAGER.to_owned(), APPLY.to_owned(), own));
    let again = ObjectMeta { managed_fields: Some(adopted), ..ObjectMeta::default() };
    assert_eq!(adopt_creation(&again), None);
}

proptest::proptest! {
    /// Whatever the API applies is a part of the desired spec.
    #[test]
    fn what_is_applied_is_a_part_of_the_desired_spec(
        current in any_spec(),
        desired in any_spec(),
    ) {
        if let Ok(Change::Apply(applied)) = plan(&own(json!({"f:timeout": {}, "f:output": {"f:a": {}}})), &current, &desired) {
            proptest::prop_assert!(is_part(&applied.spec, &desired), "{:?} {desired}", applied.spec);
        }
    }
}

fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole)))
        }
        (part, whole) => part == whole,
    }
}

fn any_spec() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let output = prop_oneof![
        Just(None),
        (0..3_i64, 0..3_i64).prop_map(|(a, b)| Some(json!({"a": a, "b": {"c": b}}))),
        (0..3_i64).prop_map(|a| Some(json!([a]))),
    ];
    (prop::option::of(0..3_i64), output).prop_map(|(timeout, output)| {
        let mut spec = json!({});
        spec.as_object_mut().unwrap().extend(timeout.map(|value| ("timeout".to_owned(), json!(value))));
        spec.as_object_mut().unwrap().extend(output.map(|value| ("output".to_owned(), value)));
        spec
    })
}
