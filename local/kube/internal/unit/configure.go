package unit

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
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
	cniBin           = spec.Config + "/cni-bin"
	pauseArchive     = spec.Home + "/pause.tar"
)

// configure writes certificates, kubeconfigs and configuration files. All except the certificates are rewritten at every start.
func configure(s spec.Spec) error {
	if err := makeDirs(spec.Config, spec.Logs, spec.CoreDNS, spec.StaticPods, spec.Config+"/cni", cniBin, spec.Addresses); err != nil {
		return err
	}
	if err := os.MkdirAll(spec.Etcd, 0o700); err != nil {
		return fmt.Errorf("failed to create %s: %w", spec.Etcd, err)
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

// writeKubeconfigs writes the kubeconfigs of the components and that of the user.
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
	// CoreDNS does not run as root. On the host, the state directory itself is not accessible.
	if err := os.Chmod(coreDNS, 0o644); err != nil {
		return fmt.Errorf("failed to make %s readable for CoreDNS: %w", coreDNS, err)
	}
	outside := "https://127.0.0.1:" + strconv.Itoa(s.KubePort)
	return pki.WriteKubeconfig(spec.PKI, "admin", outside, s.NodeName(), spec.Home+"/kubeconfig")
}

// builtIn maps the embedded files to their target paths.
var builtIn = map[string]string{
	"audit-policy.yaml": auditPolicy,
	"containerd.toml":   containerdConfig,
	"kubelet.yaml":      kubeletConfig,
	"resolv.conf":       spec.Config + "/resolv.conf",
	"cni.conflist":      spec.Config + "/cni/10-smb.conflist",
	"smb-ptp":           cniBin + "/smb-ptp",
	"Corefile":          spec.CoreDNS + "/Corefile",
	"coredns.yaml":      spec.StaticPods + "/coredns.yaml",
}

// writeFiles writes the embedded files.
func writeFiles(s spec.Spec) error {
	for source, target := range builtIn {
		text, err := render(s, source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
			return fmt.Errorf("failed to write %s: %w", target, err)
		}
	}
	return linkPlugins()
}

// linkPlugins links the published CNI plugins into the directory of smb-ptp, since the container runtime searches only one directory.
func linkPlugins() error {
	for _, plugin := range []string{"loopback", "host-local"} {
		link := cniBin + "/" + plugin
		if err := os.Symlink(spec.CNIPlugins+"/"+plugin, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("failed to link %s: %w", link, err)
		}
	}
	if err := os.Chmod(cniBin+"/smb-ptp", 0o755); err != nil {
		return fmt.Errorf("failed to make smb-ptp executable: %w", err)
	}
	return nil
}

// render returns an embedded file with its placeholders replaced.
func render(s spec.Spec, source string) (string, error) {
	data, err := files.ReadFile(filepath.Join("files", source))
	if err != nil {
		return "", fmt.Errorf("failed to read the embedded file %s: %w", source, err)
	}
	replacer := strings.NewReplacer(
		"@PKI@", spec.PKI, "@CONFIG@", spec.Config, "@COREDNS@", spec.CoreDNS, "@BINARY@", spec.Binary,
		"@CONTAINERD@", spec.Containerd, "@CONTAINERD_STATE@", spec.ContainerdState, "@CONTAINERD_SOCK@", spec.ContainerdSock,
		"@STATIC_PODS@", spec.StaticPods, "@DNS_IP@", spec.DNSIP.String(), "@POD_NET@", spec.PodNet, "@CGROUP_ROOT@", s.CgroupRoot,
		"@ADDRESSES@", spec.Addresses, "@CNI_PLUGINS@", spec.CNIPlugins,
	)
	return replacer.Replace(string(data)), nil
}
