//! What the operator makes of objects from Git.

use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use tests::kinds;

use super::{manifests, tenancy::Tenancy};

/// Marks that Argo CD and Flux set on what they apply.
const MARKS: [&str; 3] = ["argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "example.com/from-git"];

/// Neither a label nor an annotation of a tenant or workflow from Git is copied to what the operator makes for it: Argo CD would take
/// an object with its mark for one that Git does not contain any more, and delete it.
#[tokio::test]
async fn no_mark_of_a_tool_is_copied_to_children() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("marked").await?;
    let marked = |text: String| {
        text.replacen("metadata:\n", "metadata:\n  labels: {example.com/from-git: \"true\"}\n", 1)
    };
    tenancy.repository.write("tenant.yaml", &marked(manifests::tenant(&tenancy.slug, "")))?;
    let application = tenancy.apply().await?;
    let tenant = tenancy.tenants.get(&tenancy.slug).await?;
    assert!(tenant.labels().contains_key("example.com/from-git"));
    assert!(tenant.annotations().keys().any(|name| name.starts_with("argocd.argoproj.io/")), "{tenant:?}");
    let namespace = format!("t-{}", tenancy.slug);
    let mut children = 0;
    for resource in kinds::served(&tenancy.client).await? {
        if !resource.offers("list") {
            continue;
        }
        let kind: ApiResource = resource.api_resource();
        let api: Api<DynamicObject> = Api::all_with(tenancy.client.clone(), &kind);
        for object in api.list_metadata(&ListParams::default()).await? {
            let is_child = object.namespace().as_deref() == Some(&namespace)
                || (kind.kind == "Namespace" && object.name_any() == namespace);
            if !is_child || kind.kind == "Workflow" {
                continue;
            }
            children += 1;
            let marks: Vec<_> = object.labels().keys().chain(object.annotations().keys()).collect();
            let copied = marks.iter().find(|mark| MARKS.iter().any(|prefix| mark.starts_with(prefix)));
            assert_eq!(copied, None, "{} {}", kind.kind, object.name_any());
        }
    }
    assert!(children >= 12, "only {children} objects in the namespace");
    assert_eq!(application.status().await?.resources().len(), 3);
    Ok(())
}
