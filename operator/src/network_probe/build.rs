//! Pods of the probe. Pure.

use std::{collections::BTreeMap, net::IpAddr};

use crds::{constants::RUNNER_UID, labels};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodSecurityContext, PodSpec,
        ResourceRequirements, SeccompProfile, SecurityContext,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};

use crate::config::Config;

/// Label of the pods, by which the chart's network policies select them.
const ROLE: &str = "smbcopilot.dev/network-probe";
/// Selects the pods of all probes.
pub(super) const PROBE_SELECTOR: &str = ROLE;

/// Ports of the server. The chart's policies allow connections to the first, allow only the client to open those to the second,
/// and allow only the server to accept those to the third.
const ALLOWED: u16 = 8080;
const DENIED_INCOMING: u16 = 8081;
const DENIED_OUTGOING: u16 = 8082;

/// Time for which the client tries until only the first port is open: ten times what network plugins need for the policies of a
/// new pod.
const CLIENT_TIMEOUT_SECONDS: u32 = 30;
/// Time after which Kubernetes ends a pod that nobody deletes, since the operator was killed.
const ACTIVE_DEADLINE_SECONDS: i64 = 120;

/// Returns the pod that accepts connections.
pub(super) fn server(config: &Config, id: &str) -> Pod {
    let ports = [ALLOWED, DENIED_INCOMING, DENIED_OUTGOING].map(|port| port.to_string()).join(",");
    pod(config, id, "server", vec!["listen".to_owned(), format!("--ports={ports}")])
}

/// Returns the pod that connects to the server.
pub(super) fn client(config: &Config, id: &str, server: IpAddr) -> Pod {
    let arguments = vec![
        "connect".to_owned(),
        format!("--address={server}"),
        format!("--allowed={ALLOWED}"),
        format!("--denied-incoming={DENIED_INCOMING}"),
        format!("--denied-outgoing={DENIED_OUTGOING}"),
        format!("--timeout={CLIENT_TIMEOUT_SECONDS}"),
    ];
    pod(config, id, "client", arguments)
}

/// Returns a pod with the image of the runner, which the nodes can pull. It meets the Pod Security Standard `restricted`, and
/// has no access to the Kubernetes API.
fn pod(config: &Config, id: &str, role: &str, arguments: Vec<String>) -> Pod {
    let own = [
        (labels::APP_NAME, labels::PART_OF),
        (labels::APP_PART_OF, labels::PART_OF),
        (labels::APP_MANAGED_BY, labels::MANAGED_BY),
        (labels::APP_COMPONENT, "network-probe"),
        (ROLE, role),
    ];
    let own: BTreeMap<_, _> = own.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
    Pod {
        metadata: ObjectMeta {
            name: Some(format!("{role}-{id}")),
            labels: Some(own),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: vec![container(config, arguments)],
            restart_policy: Some("Never".to_owned()),
            active_deadline_seconds: Some(ACTIVE_DEADLINE_SECONDS),
            termination_grace_period_seconds: Some(1),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    localhost_profile: None,
                }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

fn container(config: &Config, arguments: Vec<String>) -> Container {
    let address = ObjectFieldSelector { field_path: "status.podIP".to_owned(), api_version: None };
    let address = EnvVarSource { field_ref: Some(address), ..EnvVarSource::default() };
    Container {
        name: "probe".to_owned(),
        image: Some(config.runner_image.clone()),
        image_pull_policy: Some(config.image_pull_policy.clone()),
        args: Some(["network-probe".to_owned()].into_iter().chain(arguments).collect()),
        env: Some(vec![EnvVar { name: "POD_IP".to_owned(), value_from: Some(address), value: None }]),
        resources: Some(ResourceRequirements {
            requests: Some(quantities([("cpu", "10m"), ("memory", "16Mi")])),
            limits: Some(quantities([("memory", "64Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            read_only_root_filesystem: Some(true),
            run_as_user: Some(RUNNER_UID.into()),
            run_as_group: Some(RUNNER_UID.into()),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn quantities<const N: usize>(quantities: [(&str, &str); N]) -> BTreeMap<String, Quantity> {
    quantities.map(|(resource, quantity)| (resource.to_owned(), Quantity(quantity.to_owned()))).into()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// The pods are built as the snapshot shows: restricted, without a token, and with an end of their own.
    #[test]
    fn the_pods_are_built_as_reviewed() {
        let config = Config::parse_from(["operator", "--runner-image=registry.example/runner:1"]);
        insta::assert_yaml_snapshot!([
            server(&config, "0a1b"),
            client(&config, "0a1b", "10.244.0.7".parse().unwrap())
        ]);
    }
}
