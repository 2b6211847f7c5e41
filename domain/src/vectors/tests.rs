use super::*;

fn shared() -> Collection {
    Collection::shared(model("minilm").unwrap(), "cluster-1")
}

fn dedicated() -> Collection {
    Collection::dedicated(model("minilm").unwrap(), "cluster-1", "uid-acme", Some(100))
}

/// Returns the collection that is created for `desired`.
fn created(desired: &Collection) -> Observed {
    Observed {
        owner: Some(desired.owner.clone()),
        dense: Some(desired.dense),
        sparse_idf: Some(true),
        hnsw: desired.hnsw,
        has_tenant_index: true,
        strict_mode: desired.strict_mode,
    }
}

/// The name of a tenant's collection depends on the UID, so that a later tenant with the same slug gets another one.
#[test]
fn a_dedicated_collection_is_named_after_the_uid() {
    let name = dedicated().name;
    assert!(name.starts_with("t-") && name.ends_with("-minilm-v1"), "{name}");
    assert_eq!(name, dedicated().name);
    assert_ne!(name, Collection::dedicated(model("minilm").unwrap(), "cluster-1", "uid-bolt", None).name);
    assert_eq!(shared().name, "kb-minilm-v1");
    assert_eq!(alias_of("acme"), "t-acme");
}

/// Nothing is changed in a collection that is as it should be.
#[test]
fn a_collection_as_created_needs_no_change() {
    for desired in [shared(), dedicated()] {
        assert_eq!(compare(&desired, &created(&desired)), Comparison::Mutable(Vec::new()));
    }
}

/// A collection of nobody, of another installation or of another tenant is left alone, whatever else it is like.
#[test]
fn a_collection_of_somebody_else_is_left_alone() {
    let desired = dedicated();
    let others = [
        None,
        Some(Owner { installation: "cluster-2".to_owned(), tenant: Some("uid-acme".to_owned()) }),
        Some(Owner { installation: "cluster-1".to_owned(), tenant: Some("uid-bolt".to_owned()) }),
        Some(Owner { installation: "cluster-1".to_owned(), tenant: None }),
    ];
    for owner in others {
        let observed = Observed { owner: owner.clone(), dense: None, ..created(&desired) };
        assert_eq!(compare(&desired, &observed), Comparison::NotOurs(owner));
    }
}

/// All immutable properties that differ are reported with both values, and nothing else is changed meanwhile.
#[test]
fn immutable_properties_are_reported_with_both_values() {
    let desired = shared();
    let observed = Observed {
        dense: Some(Dense { dimensions: 768, cosine: false }),
        sparse_idf: Some(false),
        has_tenant_index: false,
        ..created(&desired)
    };
    let Comparison::Immutable(found) = compare(&desired, &observed) else { panic!("not immutable") };
    let texts: Vec<_> =
        found.iter().map(|it| format!("{}: {} / {}", it.property, it.desired, it.found)).collect();
    assert_eq!(
        texts,
        [
            "dense: 384 dimensions, cosine / 768 dimensions, not cosine",
            "bm25: sparse with IDF / sparse without IDF"
        ]
    );
}

/// Parameters, indexes and limits are corrected.
#[test]
fn mutable_properties_are_corrected() {
    let desired = dedicated();
    let observed = Observed {
        hnsw: Hnsw { m: 8, payload_m: 16 },
        has_tenant_index: false,
        strict_mode: None,
        ..created(&desired)
    };
    let all = vec![Difference::Hnsw, Difference::TenantIndex, Difference::StrictMode];
    assert_eq!(compare(&desired, &observed), Comparison::Mutable(all));
}
