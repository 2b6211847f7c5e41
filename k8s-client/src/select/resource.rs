//! Paths of the Kubernetes API.

/// Resource that a request path of the Kubernetes API names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourcePath<'a> {
    /// API group, which is empty for the core group.
    pub group: &'a str,
    /// Plural name of the resource, such as `workflowruns`.
    pub resource: &'a str,
    /// Name of the object; `None` if the path is that of a list or a watch.
    pub name: Option<&'a str>,
}

impl<'a> ResourcePath<'a> {
    /// Returns the resource of a path, or `None` if the path is not that of a resource.
    #[must_use]
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut segments = path.split('/').skip(1);
        let group = match segments.next()? {
            "api" => "",
            "apis" => segments.next()?,
            _ => return None,
        };
        segments.next().filter(|version| !version.is_empty())?;
        let (first, second, third) = (segments.next()?, segments.next(), segments.next());
        let (resource, name) = match (first, third) {
            ("namespaces", Some(resource)) => (resource, segments.next()),
            _ => (first, second),
        };
        Some(Self { group, resource, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists, watches and single objects of a kind are recognised, in one namespace and in all of them.
    #[test]
    fn the_resource_of_a_path_is_recognised() {
        let runs = |name| Some(ResourcePath { group: "smbcopilot.dev", resource: "workflowruns", name });
        let base = "/apis/smbcopilot.dev/v1alpha1";
        for (path, expected) in [
            (format!("{base}/workflowruns"), runs(None)),
            (format!("{base}/namespaces/bakery/workflowruns"), runs(None)),
            (format!("{base}/namespaces/bakery/workflowruns/first"), runs(Some("first"))),
            (format!("{base}/namespaces/bakery/workflowruns/first/status"), runs(Some("first"))),
            (
                "/api/v1/namespaces/bakery".to_owned(),
                Some(ResourcePath { group: "", resource: "namespaces", name: Some("bakery") }),
            ),
            ("/api/v1/nodes".to_owned(), Some(ResourcePath { group: "", resource: "nodes", name: None })),
            ("/version".to_owned(), None),
        ] {
            assert_eq!(ResourcePath::parse(&path), expected, "{path}");
        }
    }
}
