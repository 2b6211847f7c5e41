package unit

import (
	"strconv"

	"smbcopilot.dev/local/kube/internal/images"
	"smbcopilot.dev/local/kube/internal/spec"
)

func containerd() program {
	return program{name: "containerd", path: "/usr/bin/containerd", args: []string{"--config", containerdConfig}}
}

func kubelet(s spec.Spec) program {
	return program{name: "kubelet", args: []string{
		"--config=" + kubeletConfig, "--kubeconfig=" + spec.Kubeconfig("kubelet"),
		"--node-ip=" + spec.NodeIP.String(), "--hostname-override=" + s.NodeName(),
	}}
}

func kubeProxy(s spec.Spec) program {
	return program{name: "kube-proxy", args: []string{
		"--kubeconfig=" + spec.Kubeconfig("proxy"), "--hostname-override=" + s.NodeName(),
		"--proxy-mode=iptables", "--cluster-cidr=" + spec.PodNet,
		"--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256",
		// These settings belong to the host, which the unit must not change.
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
	}}
}

func networkPolicies(s spec.Spec) program {
	return program{name: "network-policies", args: []string{
		"--kubeconfig=" + spec.Kubeconfig("reader"), "--node=" + s.NodeName(), "--queue=" + strconv.Itoa(spec.QueueID),
		"--addresses=" + spec.Addresses,
	}}
}

// importPause gives the container runtime the image that every pod starts with.
func importPause() program {
	return program{name: "import-pause", path: "/usr/bin/ctr", args: []string{
		"--address", spec.ContainerdSock, "-n", "k8s.io", "images", "import", "--base-name", images.Repository("pause"), pauseArchive,
	}}
}
