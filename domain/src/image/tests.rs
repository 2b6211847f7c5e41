use super::*;

fn parsed(text: &str) -> Option<String> {
    ImageReference::parse(text).ok().map(|image| image.to_string())
}

/// A reference names the repository that every container runtime reads from it.
#[test]
fn a_reference_names_its_repository() {
    for (text, repository) in [
        ("python", "docker.io/library/python"),
        ("python:3.13-slim", "docker.io/library/python"),
        ("acme/tool", "docker.io/acme/tool"),
        ("ghcr.io/acme/a-b__c.d/tool:v1", "ghcr.io/acme/a-b__c.d/tool"),
        ("registry.acme.example:5000/tool:1", "registry.acme.example:5000/tool"),
        (&format!("quay.io/acme/tool:1@sha256:{}", "0".repeat(64)), "quay.io/acme/tool"),
    ] {
        assert_eq!(parsed(text).as_deref(), Some(repository), "{text}");
    }
}

/// No reference makes a node connect to an address, to itself, or to a host name of the cluster without a dot.
#[test]
fn a_reference_names_no_address() {
    for text in [
        "localhost:6443/x/y:z",
        "localhost/x",
        "10.244.0.7:5432/x",
        "10.244.0.7/x",
        "127.1/x",
        "0x7f.0.0.1/x",
        "2130706433:80/x",
        "[::1]:80/x",
        "[::1]/x",
        "kubernetes:443/x",
        "10.0.0.1.:80/x",
        "ghcr.io.:443/x",
        "ghcr.io:0443/x",
        "ghcr.io:99999/x",
        "ghcr.io:/x",
        "user:password@ghcr.io/x",
        "https://ghcr.io/x",
        "GHCR.io/x",
        "-a.example/x",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
}

/// Text that is not a reference is refused, and not passed to the node.
#[test]
fn a_malformed_reference_is_refused() {
    for text in [
        "",
        ":tag",
        "a:",
        "a:-tag",
        "a b",
        "a//b",
        "a/../b",
        "/a",
        "a/",
        "Upper",
        "a_-b",
        "a..b/c/d",
        "a@sha256:00",
        "a@md5:0",
        "a@",
        "a\u{0}",
        "ä",
    ] {
        assert_eq!(parsed(text), None, "{text:?}");
    }
}

fn policy(registries: Option<&[&str]>) -> ImagePolicy {
    let registries: Option<Vec<String>> =
        registries.map(|registries| registries.iter().map(|entry| (*entry).to_owned()).collect());
    ImagePolicy::new(registries.as_deref(), "docker.io/smb-copilot/runner:local")
}

/// Steps use images of the plan's registries only, and those of the large public ones if the plan names none.
#[test]
fn only_registries_of_the_plan_are_allowed() {
    assert_eq!(policy(None).check("python:3.13"), Ok(()));
    let own = policy(Some(&["registry.acme.example:5000", "ghcr.io/acme"]));
    assert_eq!(own.check("registry.acme.example:5000/any/tool"), Ok(()));
    assert_eq!(own.check("ghcr.io/acme/tool:1"), Ok(()));
    for image in ["ghcr.io/acme-evil/tool", "ghcr.io/other/tool", "python", "registry.acme.example/tool"] {
        let problem = own.check(image).unwrap_err();
        assert!(matches!(problem, ImageProblem::RegistryNotAllowed { .. }), "{image}: {problem}");
    }
    let nothing = policy(Some(&[])).check("python").unwrap_err();
    assert!(nothing.to_string().contains("registry docker.io, which the plan does not allow"), "{nothing}");
    assert!(matches!(own.check("localhost:6443/x"), Err(ImageProblem::Invalid { .. })));
}

/// The images of the platform, which are on every node, are used only if the plan names their path.
#[test]
fn images_of_the_platform_are_used_only_on_request() {
    let image = "docker.io/smb-copilot/api-server:local";
    for unnamed in [policy(None), policy(Some(&["docker.io"]))] {
        let problem = unnamed.check(image).unwrap_err();
        assert!(problem.to_string().contains("add docker.io/smb-copilot to spec.registries"), "{problem}");
        assert!(unnamed.check("smb-copilot/api-server:local").is_err(), "the same image without a registry");
    }
    assert_eq!(policy(Some(&["docker.io/smb-copilot"])).check(image), Ok(()));
}
