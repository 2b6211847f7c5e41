package unit

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"smbcopilot.dev/local/kube/internal/pki"
	"smbcopilot.dev/local/kube/internal/spec"
)

//go:embed files
var files embed.FS

const (
	auditPolicy      = spec.Config + "/audit-policy.yaml"
	containerdConfig = spec.Config + "/containerd.toml"
	kubeletConfig    = spec.Config + "/kubelet.yaml"
	pauseArchive     = spec.Home + "/pause.tar"
)

// configure writes certificates, kubeconfigs and configuration files. All but the certificates is written anew at each start.
func configure(s spec.Spec) error {
	if err := makeDirs(spec.Config, spec.Logs, spec.CoreDNS, spec.StaticPods, spec.Config+"/cni"); err != nil {
		return err
	}
	if err := os.MkdirAll(spec.Etcd, 0o700); err != nil {
		return fmt.Errorf("failed to make %s: %w", spec.Etcd, err)
	}
	err := pki.Ensure(spec.PKI, pki.Instance{
		Node: s.NodeName(), NodeIP: spec.NodeIP, APIIP: spec.APIIP,
		DNSNames: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
	})
	if err != nil {
		return err
	}
	if err := writeKubeconfigs(s); err != nil {
		return err
	}
	return writeFiles(s)
}

func writeKubeconfigs(s spec.Spec) error {
	inside := "https://" + spec.NodeIP.String() + ":" + strconv.Itoa(spec.APIPort)
	for _, credential := range []string{"admin", "controller-manager", "scheduler", "proxy", "kubelet", "reader"} {
		if err := pki.WriteKubeconfig(spec.PKI, credential, inside, s.NodeName(), spec.Kubeconfig(credential)); err != nil {
			return err
		}
	}
	coreDNS := spec.CoreDNS + "/kubeconfig"
	if err := pki.WriteKubeconfig(spec.PKI, "reader", inside, s.NodeName(), coreDNS); err != nil {
		return err
	}
	// CoreDNS is no root. On the host the state directory itself is closed.
	if err := os.Chmod(coreDNS, 0o644); err != nil {
		return fmt.Errorf("failed to open %s to CoreDNS: %w", coreDNS, err)
	}
	outside := "https://127.0.0.1:" + strconv.Itoa(s.KubePort)
	return pki.WriteKubeconfig(spec.PKI, "admin", outside, s.NodeName(), spec.Home+"/kubeconfig")
}

// writeFiles fills in the files that come with the program.
func writeFiles(s spec.Spec) error {
	fill := strings.NewReplacer(
		"@HOME@", spec.Home, "@PKI@", spec.PKI, "@CONFIG@", spec.Config, "@COREDNS@", spec.CoreDNS, "@BINARY@", spec.Binary,
		"@CONTAINERD@", spec.Containerd, "@CONTAINERD_STATE@", spec.ContainerdState, "@CONTAINERD_SOCK@", spec.ContainerdSock,
		"@STATIC_PODS@", spec.StaticPods, "@DNS_IP@", spec.DNSIP.String(), "@POD_NET@", spec.PodNet, "@CGROUP_ROOT@", s.CgroupRoot,
	)
	for source, target := range map[string]string{
		"audit-policy.yaml": auditPolicy,
		"containerd.toml":   containerdConfig,
		"kubelet.yaml":      kubeletConfig,
		"resolv.conf":       spec.Config + "/resolv.conf",
		"cni.conflist":      spec.Config + "/cni/10-smb.conflist",
		"Corefile":          spec.CoreDNS + "/Corefile",
		"coredns.yaml":      spec.StaticPods + "/coredns.yaml",
	} {
		data, err := files.ReadFile(filepath.Join("files", source))
		if err != nil {
			return fmt.Errorf("failed to read the built-in file %s: %w", source, err)
		}
		// Readable for all: CoreDNS is no root.
		if err := os.WriteFile(target, []byte(fill.Replace(string(data))), 0o644); err != nil {
			return fmt.Errorf("failed to write %s: %w", target, err)
		}
	}
	return nil
}
