package unit

import (
	"strconv"

	"smbcopilot.dev/local/kube/internal/images"
	"smbcopilot.dev/local/kube/internal/spec"
)

// containerd returns the command line of the container runtime.
func containerd() program {
	return program{name: "containerd", path: "/usr/bin/containerd", args: []string{"--config", containerdConfig}}
}

// kubelet returns the command line of the kubelet.
func kubelet(s spec.Spec) program {
	return program{name: "kubelet", args: []string{
		"--config=" + kubeletConfig, "--kubeconfig=" + spec.Kubeconfig("kubelet"),
		"--node-ip=" + spec.NodeIP.String(), "--hostname-override=" + s.NodeName(),
	}}
}

// kubeProxy returns the command line of kube-proxy.
func kubeProxy(s spec.Spec) program {
	return program{name: "kube-proxy", args: []string{
		"--kubeconfig=" + spec.Kubeconfig("proxy"), "--hostname-override=" + s.NodeName(),
		"--proxy-mode=iptables", "--cluster-cidr=" + spec.PodNet,
		"--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256",
		// These settings apply to the host, which the unit must not change.
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
	}}
}

// networkPolicies returns the command line of the network policy engine.
func networkPolicies(s spec.Spec) program {
	return program{name: "network-policies", args: []string{
		"--kubeconfig=" + spec.Kubeconfig("reader"), "--node=" + s.NodeName(), "--queue=" + strconv.Itoa(spec.QueueID),
		"--addresses=" + spec.Addresses,
	}}
}

// importPause returns the command line that imports the pause image into the container runtime.
func importPause() program {
	return program{name: "import-pause", path: "/usr/bin/ctr", args: []string{
		"--address", spec.ContainerdSock, "-n", "k8s.io", "images", "import", "--base-name", images.Repository("pause"), pauseArchive,
	}}
}
